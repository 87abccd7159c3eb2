import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

/** They say that the zip64 field has them, and there is none. */
export const message = /without a value|cannot be read/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, says: { packed: 0xffffffff, size: 0xffffffff } }, itemB] })
