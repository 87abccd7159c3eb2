import { delta, folderItem, itemA, itemB, packageOf } from '../draft.ts'

export const message = /"jcr_root\/content\/a.txt" is not listed in the manifest/
export const bytes = (): Buffer => packageOf({ ...delta, content: [folderItem, itemB, itemA] })
