import { good, packageOf } from '../draft.ts'

export const message = /its format is 2, and this server reads format 1/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('1', '2') })
