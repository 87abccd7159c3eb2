import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /has a comment/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, central: { comment: Buffer.from('hidden') } }, itemB] })
