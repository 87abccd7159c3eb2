import { a, folder, folderItem, itemA, packageOf } from '../draft.ts'

export const message = /out of path order/
export const bytes = (): Buffer => packageOf({ lines: [a, folder], content: [itemA, folderItem] })
