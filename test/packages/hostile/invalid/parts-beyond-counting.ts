import { packageOf } from '../draft.ts'

export const message = /more entries or bytes than can be counted/
const part = (digit: string): string =>
  `{"type":"part","package":"sha256-${digit.repeat(64)}","entries":1,"bytes":${Number.MAX_SAFE_INTEGER}}`
export const bytes = (): Buffer => packageOf({ lines: [part('0'), part('1')], content: [] })
