import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /two headers differ in the method/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, local: { method: 8 } }, itemB] })
