import { b, fileLine, folder, folderItem, itemA, itemB, packageOf } from '../draft.ts'
import { packedOf } from '../zip-bytes.ts'

export const message = /overlap|does not follow/
export const bytes = (): Buffer => {
  // The second file begins within the content of the first: both read the same bytes.
  const inner = packageOf({ content: [itemB] })
  const start = inner.indexOf('jcr_root/content/b.json') - 30
  const local = inner.subarray(start, start + 30 + 'jcr_root/content/b.json'.length + packedOf(itemB).length)
  const outer = { ...itemA, content: local }
  const offset = (): number => packageOf({ lines, content: [folderItem, outer] }).indexOf(local)
  const lines = [folder, fileLine('/content/a.txt', local), b]
  return packageOf({ lines, content: [folderItem, outer, { ...itemB, central: { offset: offset() } }] })
}
