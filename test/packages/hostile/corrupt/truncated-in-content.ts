import { packageOf } from '../draft.ts'

export const message = /does not end as a zip does/
export const bytes = (): Buffer => packageOf().subarray(0, 500)
