import { delta, folderItem, itemB, packageOf } from '../draft.ts'

export const message = /b.json/
export const bytes = (): Buffer =>
  packageOf({ ...delta, content: [folderItem, { ...itemB, content: Buffer.from('{"world": fals}\n') }] })
