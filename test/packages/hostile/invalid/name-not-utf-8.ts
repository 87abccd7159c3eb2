import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /is not UTF-8/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const name = Buffer.concat([Buffer.from('jcr_root/content/'), Buffer.from([0xc3, 0x28])])
  return packageOf({ lines: [folder, fileLine('/content/x', content)], content: [folderItem, { name, content }] })
}
