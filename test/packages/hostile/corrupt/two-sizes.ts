import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /two headers differ in the size/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, local: { size: 3 } }, itemB] })
