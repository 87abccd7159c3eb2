import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /"jcr_root.content.z.sh" is not listed in the manifest/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, itemA, itemB, { name: 'jcr_root/content/z.sh', content: Buffer.from('#!') }] })
