import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /is a symbolic link/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, central: { attributes: (0o120777 << 16) >>> 0 } }, itemB] })
