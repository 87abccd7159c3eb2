import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /is not listed there/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const lines = [folder, fileLine('/content/\u00e9', content)]
  return packageOf({ lines, content: [folderItem, { name: 'jcr_root/content/e\u0301', content }] })
}
