import { good, packageOf } from '../draft.ts'

export const message = /filter.xml: it is not what the manifest demands/
export const bytes = (): Buffer => packageOf({ filter: good.filter.replace('"/content"', '"/CONTENT"') })
