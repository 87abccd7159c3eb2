import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /two headers differ in the checksum/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, local: { crc: 7 } }, itemB] })
