import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /there is no entry where it should be/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, local: { signature: 0x12345678 } }, itemB] })
