import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /"jcr_root.content.b.json": it does not follow what is before it/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, itemA, { ...itemB, before: Buffer.from('hidden') }] })
