import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /two headers differ in the flags/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, local: { flags: 0 } }, itemB] })
