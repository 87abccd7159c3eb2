import { deflateRawSync } from 'node:zlib'
import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /cannot be unpacked to its size|it has \d+ bytes, not/
export const bytes = (): Buffer => {
  // Both headers and the manifest say 16 bytes; unpacked it would be a million.
  const packed = deflateRawSync(Buffer.alloc(1_000_000))
  return packageOf({ content: [folderItem, itemA, { ...itemB, packed }] })
}
