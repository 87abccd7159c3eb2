import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /larger packed than unpacked/
export const bytes = (): Buffer => packageOf({ content: [folderItem, itemA, { ...itemB, packed: Buffer.alloc(5000) }] })
