import { packageOf } from '../draft.ts'
import { zip64End } from '../zip-bytes.ts'

export const message = /zip64 end is not right before its end/
export const bytes = (): Buffer => packageOf({ end: { before: (at) => zip64End({ ...at, record: 0 }) } })
