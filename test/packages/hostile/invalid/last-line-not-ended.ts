import { a, b, folder, good, packageOf } from '../draft.ts'

export const message = /its last line does not end/
export const bytes = (): Buffer => packageOf({ manifest: Buffer.from([good.header, folder, a, b].join('\n')) })
