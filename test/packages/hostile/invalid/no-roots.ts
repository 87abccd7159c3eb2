import { good, packageOf } from '../draft.ts'

export const message = /it has no roots/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('"/content"', '') })
