import { packageOf } from '../draft.ts'

export const message = /with a name of more than 1024 bytes/
export const bytes = (): Buffer =>
  packageOf({ lines: [`{"type":"folder","path":"/content/${'x'.repeat(1025)}"}`], content: [] })
