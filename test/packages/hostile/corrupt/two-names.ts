import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

/** One for those who read the central directory, another for those who read the zip as a stream. */
export const message = /two headers differ in the name/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, local: { name: Buffer.from('jcr_root/content/x.txt') } }, itemB] })
