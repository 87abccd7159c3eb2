import { packageOf } from '../draft.ts'
import { zip64End } from '../zip-bytes.ts'

export const message = /not where its end says/
export const bytes = (): Buffer =>
  packageOf({
    end: { start: 0xffffffff, before: (at) => zip64End({ ...at, start: 2 ** 52, record: at.start + at.size }) },
  })
