import { good, packageOf } from '../draft.ts'

export const message = /must begin with a slash/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('"/content"', '"content"') })
