import { a, b, folder, packageOf } from '../draft.ts'

export const message = /has no SHA-256 digest/
export const bytes = (): Buffer => packageOf({ lines: [folder, a.replace(/"digest":"[^"]*"/, '"digest":"md5"'), b] })
