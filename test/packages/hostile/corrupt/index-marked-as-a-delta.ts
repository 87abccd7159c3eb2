import { delta, packageOf } from '../draft.ts'

const part = `{"type":"part","package":"sha256-${'a'.repeat(64)}","entries":3,"bytes":22}`
export const message = /properties.xml: it is not what the manifest demands/
export const bytes = (): Buffer => packageOf({ ...delta, lines: [part], content: [] })
