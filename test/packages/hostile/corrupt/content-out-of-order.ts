import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /is not listed there/
export const bytes = (): Buffer => packageOf({ content: [folderItem, itemB, itemA] })
