import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /is not listed/
export const bytes = (): Buffer => packageOf({ content: [folderItem, itemA, itemA, itemB] })
