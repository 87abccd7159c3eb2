import { deflateRawSync } from 'node:zlib'
import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /it has 3 bytes, not 16/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, itemA, { ...itemB, packed: deflateRawSync(Buffer.from('{}\n')) }] })
