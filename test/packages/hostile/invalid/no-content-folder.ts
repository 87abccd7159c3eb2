import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

export const message = /jcr_root\/ is not where it must be/
export const bytes = (): Buffer => {
  const { items, order } = assemble(good)
  return zipOf(
    items,
    order.filter((i) => items[i]?.name !== 'jcr_root/'),
  )
}
