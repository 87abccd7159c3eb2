import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /contains a backslash/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const name = 'jcr_root\\content\\x'
  return packageOf({ lines: [folder, fileLine('/content/x', content)], content: [folderItem, { name, content }] })
}
