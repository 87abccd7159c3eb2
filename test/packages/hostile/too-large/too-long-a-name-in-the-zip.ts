import { folder, folderItem, packageOf } from '../draft.ts'

export const message = /its name is longer than any path/
export const bytes = (): Buffer =>
  packageOf({
    lines: [folder, '{"type":"folder","path":"/content/x"}'],
    content: [folderItem, { name: `jcr_root/content/${'x'.repeat(30_000)}/` }],
  })
