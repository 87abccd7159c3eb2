import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /unknown flags/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, says: { flags: 0x0820 } }, itemB] })
