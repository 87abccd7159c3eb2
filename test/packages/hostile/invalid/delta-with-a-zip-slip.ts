import { delta, folderItem, itemB, packageOf } from '../draft.ts'

export const message = /\.\./
export const bytes = (): Buffer =>
  packageOf({ ...delta, content: [folderItem, { ...itemB, name: 'jcr_root/content/../../up' }] })
