import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /its sizes behind it are not its own/
export const bytes = (): Buffer =>
  packageOf({ content: [folderItem, { ...itemA, says: { flags: 0x0808 }, behind: Buffer.alloc(16) }, itemB] })
