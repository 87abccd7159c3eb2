import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

export const message = /bytes between them/
export const bytes = (): Buffer => {
  const part = `{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`
  const { items, order } = assemble({ ...good, lines: [part], content: [] })
  return zipOf(
    items.map((item, i) => (i === 1 ? { ...item, before: Buffer.from('hidden') } : item)),
    order,
  )
}
