import { good, packageOf } from '../draft.ts'

export const message = /is a part, and only an index/
export const bytes = (): Buffer =>
  packageOf({ lines: [...good.lines, `{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`] })
