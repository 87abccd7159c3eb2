import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /central directory cannot be read/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, central: { signature: 0x12345678 } }, itemB] })
