import { delta, itemB, packageOf } from '../draft.ts'

export const message = /the manifest has "jcr_root\/content\/"/
export const bytes = (): Buffer => packageOf({ ...delta, content: [itemB] })
