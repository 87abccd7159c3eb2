import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /is encrypted/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, says: { flags: 0x0801 } }, itemB] })
