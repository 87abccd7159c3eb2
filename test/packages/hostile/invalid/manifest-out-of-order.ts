import { a, b, folder, folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /"\/content\/a.txt" after "\/content\/b.json", out of path order/
export const bytes = (): Buffer => packageOf({ lines: [folder, b, a], content: [folderItem, itemB, itemA] })
