import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /strange field/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, local: { extra: Buffer.from('7570000041', 'hex') } }, itemB] })
