import { fileLine, folder, folderItem, packageOf } from '../draft.ts'

export const message = /not UTF-8|is not listed/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const name = Buffer.concat([Buffer.from('jcr_root/content/'), Buffer.from([0xff])])
  return packageOf({ lines: [folder, fileLine('/content/\ufffd', content)], content: [folderItem, { name, content }] })
}
