import { good, packageOf } from '../draft.ts'

export const message = /its mode is "wipe"/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('update', 'wipe') })
