import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /neither a file nor a folder/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, central: { attributes: (0o020666 << 16) >>> 0 } }, itemB] })
