import { packageOf } from '../draft.ts'

export const message = /line 2 names no package/
export const bytes = (): Buffer =>
  packageOf({ lines: ['{"type":"part","package":"../../etc/passwd","entries":1,"bytes":1}'], content: [] })
