import { good, packageOf } from '../draft.ts'

export const message = /are not in path order/
export const bytes = (): Buffer => packageOf({ header: good.header.replace('[', '["/x",') })
