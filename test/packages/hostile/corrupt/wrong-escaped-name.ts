import { a, fileLine, folder, folderItem, itemA, packageOf } from '../draft.ts'

export const message =
  /"jcr_root.content.jcr:content" is not listed there: the manifest has "jcr_root.content._jcr_content"/
export const bytes = (): Buffer => {
  const content = Buffer.from('x')
  const lines = [folder, a, fileLine('/content/jcr:content', content)]
  return packageOf({ lines, content: [folderItem, itemA, { name: 'jcr_root/content/jcr:content', content }] })
}
