import { good, packageOf } from '../draft.ts'

export const message = /properties.xml: it is not what the manifest demands/
export const bytes = (): Buffer => packageOf({ properties: () => good.properties(`sha256-${'0'.repeat(64)}`) })
