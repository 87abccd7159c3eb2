import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /unpacks to more than 200 times its size/
export const bytes = (): Buffer => {
  const content = Buffer.alloc(10_000_000)
  const item = { name: 'jcr_root/content/zeros', content, method: 8 }
  return packageOf({ lines: [folder, fileLine('/content/zeros', content)], content: [folderItem, item] })
}
