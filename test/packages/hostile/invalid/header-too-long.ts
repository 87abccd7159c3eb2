import { good, packageOf } from '../draft.ts'

export const message = /line 1 is too long/
export const bytes = (): Buffer =>
  packageOf({ header: good.header + ' '.repeat(17_000_000), manifestItem: { method: 0 } })
