import { packageOf } from '../draft.ts'

export const message = /does not say how many entries and bytes/
export const bytes = (): Buffer =>
  packageOf({ lines: [`{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":-1}`], content: [] })
