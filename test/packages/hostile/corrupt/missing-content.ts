import { folderItem, itemA, packageOf } from '../draft.ts'

export const message = /b.json", and its content is not there/
export const bytes = (): Buffer => packageOf({ content: [folderItem, itemA] })
