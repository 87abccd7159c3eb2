import { packageOf } from '../draft.ts'

export const message = /its last line does not end/
export const bytes = (): Buffer => packageOf({ manifest: Buffer.alloc(0) })
