import { delta, fileLine, folder, folderItem, a, packageOf } from '../draft.ts'

const zeros = Buffer.alloc(2_000_000)
// What is held back does not make up for it.
export const message = /as a bomb does/
export const bytes = (): Buffer =>
  packageOf({
    ...delta,
    lines: [folder, a, fileLine('/content/zeros', zeros)],
    content: [folderItem, { name: 'jcr_root/content/zeros', content: zeros, method: 8 }],
  })
