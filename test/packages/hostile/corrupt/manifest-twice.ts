import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /manifest.ndjson" is not listed/
export const bytes = (): Buffer =>
  packageOf({
    content: [folderItem, itemA, itemB, { name: 'META-INF/trebuchet/manifest.ndjson', content: Buffer.from('{}') }],
  })
