import { folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /hook.jar" is not listed/
export const bytes = (): Buffer =>
  packageOf({
    content: [folderItem, itemA, itemB, { name: 'META-INF/vault/hooks/hook.jar', content: Buffer.from('PK') }],
  })
