import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /neither a file nor a folder, or not as its name says/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, central: { attributes: (0o040755 << 16) >>> 0 } }, itemB] })
