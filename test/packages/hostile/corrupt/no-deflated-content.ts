import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /cannot be unpacked/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, itemA, { ...itemB, packed: Buffer.from('ffffffff', 'hex') }] })
