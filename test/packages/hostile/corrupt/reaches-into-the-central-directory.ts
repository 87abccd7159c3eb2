import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /reaches into the central directory/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, says: { packed: 100_000, size: 100_000 } }, itemB] })
