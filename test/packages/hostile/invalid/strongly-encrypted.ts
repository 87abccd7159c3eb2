import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /encrypt/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, says: { flags: 0x0841 } }, itemB] })
