import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /leads out of the package/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const name = 'jcr_root/../../../etc/passwd'
  return packageOf({ lines: [folder, fileLine('/content/x', content)], content: [folderItem, { name, content }] })
}
