import { good, packageOf } from '../draft.ts'

export const message = /its format is undefined/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('"format":1,', '') })
