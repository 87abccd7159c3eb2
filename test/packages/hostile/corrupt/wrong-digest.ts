import { b, fileLine, folder, packageOf } from '../draft.ts'

export const message = /"jcr_root.content.a.txt": its content is not that of its digest/
export const bytes = (): Buffer => packageOf({ lines: [folder, fileLine('/content/a.txt', Buffer.from('HELLO\n')), b] })
