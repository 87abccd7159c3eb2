import { good, packageOf } from '../draft.ts'

export const message = /line 1 is not spelt/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('}', ',"x":1}') })
