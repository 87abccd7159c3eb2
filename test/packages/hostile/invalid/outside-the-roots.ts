import { a, folder, folderItem, itemA, packageOf } from '../draft.ts'

export const message = /"\/contents", which is outside of its roots/
export const bytes = (): Buffer =>
  packageOf({
    lines: [folder, a, '{"type":"folder","path":"/contents"}'],
    content: [folderItem, itemA, { name: 'jcr_root/contents/' }],
  })
