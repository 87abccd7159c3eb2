import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /unknown method 12/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, says: { method: 12 } }, itemB] })
