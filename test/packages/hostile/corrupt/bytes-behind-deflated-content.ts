import { folderItem, itemA, itemB, packageOf } from '../draft.ts'
import { packedOf } from '../zip-bytes.ts'

export const message = /there is something behind its content/
export const bytes = (): Buffer =>
  packageOf({
    content: [folderItem, itemA, { ...itemB, packed: Buffer.concat([packedOf(itemB), Buffer.from('hidden')]) }],
  })
