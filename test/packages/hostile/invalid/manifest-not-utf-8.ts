import { good, packageOf } from '../draft.ts'

export const message = /is not UTF-8/
export const bytes = (): Buffer =>
  packageOf({
    manifest: Buffer.from(`${good.header}\n{"type":"folder","path":"/content/\xff"}\n`, 'latin1'),
  })
