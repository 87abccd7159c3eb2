import { good, packageOf } from '../draft.ts'

export const message = /as folder, though its action is delete/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('add', 'delete') })
