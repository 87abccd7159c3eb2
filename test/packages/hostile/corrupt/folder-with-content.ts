import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /is a folder and has content/
export const bytes = (): Buffer =>
  packageOf({ content: [{ ...folderItem, content: Buffer.from('hidden') }, itemA, itemB] })
