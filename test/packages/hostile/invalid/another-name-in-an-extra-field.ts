import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /extra field 0x7075/
export const bytes = (): Buffer =>
  packageOf({
    content: [
      folderItem,
      { ...itemA, central: { extra: Buffer.from('7570060001000000004142'.slice(0, 20), 'hex') } },
      itemB,
    ],
  })
