import { packageOf } from '../draft.ts'
import { zip64End } from '../zip-bytes.ts'

/** Readers that know no zip64 would see one entry more than those that do. */
export const message = /contradict each other/
export const bytes = (): Buffer => packageOf({ end: { before: (at) => zip64End({ ...at, count: at.count - 1 }) } })
