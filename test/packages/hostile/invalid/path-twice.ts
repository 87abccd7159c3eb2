import { a, folder, folderItem, itemA, packageOf } from '../draft.ts'

export const message = /"\/content\/a.txt" twice/
export const bytes = (): Buffer => packageOf({ lines: [folder, a, a], content: [folderItem, itemA, itemA] })
