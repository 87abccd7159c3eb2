import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /its checksum is wrong/
export const bytes = (): Buffer => packageOf({ content: [folderItem, { ...itemA, says: { crc: 7 } }, itemB] })
