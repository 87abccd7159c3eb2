import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

/** Any other zip: a FileVault package of somebody else, for example. */
export const message = /manifest.ndjson is not where it must be/
export const bytes = (): Buffer => {
  const { items, order } = assemble(good)
  return zipOf(items, order.toSpliced(-2, 1))
}
