import { delta, folderItem, itemB, packageOf } from '../draft.ts'

export const message = /"jcr_root\/content\/b.json" is not listed in the manifest/
export const bytes = (): Buffer => packageOf({ ...delta, content: [folderItem, itemB, itemB] })
