import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /"jcr_root.content.a.sh" is not listed there/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { name: 'jcr_root/content/a.sh', content: Buffer.from('#!') }, itemA, itemB] })
