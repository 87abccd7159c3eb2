import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /is absolute/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const name = 'C:/windows/x'
  return packageOf({ lines: [folder, fileLine('/content/x', content)], content: [folderItem, { name, content }] })
}
