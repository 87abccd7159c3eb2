import { packageOf } from '../draft.ts'

const part = `{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`
export const message = /lists the part sha256-0+ twice/
export const bytes = (): Buffer => packageOf({ lines: [part, part], content: [] })
