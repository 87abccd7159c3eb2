import { delta, folderItem, itemB, packageOf } from '../draft.ts'

const more = { name: 'jcr_root/content/aa.txt', content: Buffer.from('more') }
export const message = /"jcr_root\/content\/aa.txt" is not listed in the manifest/
export const bytes = (): Buffer => packageOf({ ...delta, content: [folderItem, more, itemB] })
