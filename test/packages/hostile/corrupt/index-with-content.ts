import { packageOf } from '../draft.ts'

export const message = /is an index, and yet has content/
export const bytes = (): Buffer =>
  packageOf({ lines: [`{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`] })
