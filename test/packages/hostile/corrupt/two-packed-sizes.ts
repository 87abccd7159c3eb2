import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /two headers differ in the packed size/
export const bytes = (): Buffer => packageOf({ content: [folderItem, itemA, { ...itemB, local: { packed: 3 } }] })
