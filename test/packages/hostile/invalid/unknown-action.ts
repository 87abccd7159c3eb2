import { good, packageOf } from '../draft.ts'

export const message = /its action is "move"/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('add', 'move') })
