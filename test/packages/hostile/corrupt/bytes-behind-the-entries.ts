import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

export const message = /bytes between them/
export const bytes = (): Buffer => {
  const { items, order } = assemble(good)
  return zipOf(
    items.map((item, i) => (i === items.length - 1 ? { ...item, behind: Buffer.from('hidden') } : item)),
    order,
  )
}
