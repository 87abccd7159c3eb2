import { packageOf } from '../draft.ts'

export const message = /deeper than 256 segments/
export const bytes = (): Buffer =>
  packageOf({ lines: [`{"type":"folder","path":"/content${'/x'.repeat(256)}"}`], content: [] })
