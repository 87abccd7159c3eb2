import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /its content is not that of its digest/
export const bytes = (): Buffer => {
  const content = Buffer.alloc(3_000_000, 'abcdefghijk\n')
  const other = Buffer.from(content).fill('x', 2_999_999)
  const item = { name: 'jcr_root/content/a.txt', content }
  return packageOf({ lines: [folder, fileLine('/content/a.txt', other)], content: [folderItem, item] })
}
