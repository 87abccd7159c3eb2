import { good, packageOf } from '../draft.ts'

export const message = /line 1 is not JSON/
export const bytes = (): Buffer => packageOf({ header: `\ufeff${good.header}` })
