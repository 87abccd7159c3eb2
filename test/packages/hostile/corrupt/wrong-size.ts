import { b, fileLine, folder, packageOf } from '../draft.ts'

export const message = /has 6 bytes, its manifest says 7/
export const bytes = (): Buffer =>
  packageOf({ lines: [folder, fileLine('/content/a.txt', Buffer.from('hello!\n')), b] })
