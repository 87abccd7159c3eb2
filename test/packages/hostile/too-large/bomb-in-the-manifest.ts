import { good, packageOf } from '../draft.ts'

export const message = /unpacks to more than 200 times its size/
export const bytes = (): Buffer => packageOf({ header: good.header + ' '.repeat(10_000_000) })
