import { packageOf } from '../draft.ts'

export const message = /origin is larger than 65536 bytes/
export const bytes = (): Buffer => packageOf({ origin: `{"x":"${'x'.repeat(70_000)}"}` })
