import { delta, good, packageOf } from '../draft.ts'

export const message = /"jcr_root\/content\/b.json" is not listed there: the manifest has "jcr_root\/content\/a.txt"/
export const bytes = (): Buffer => packageOf({ ...delta, properties: good.properties })
