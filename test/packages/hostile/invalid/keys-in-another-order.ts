import { a, b, packageOf } from '../draft.ts'

export const message = /line 2 is not spelt as the format demands/
export const bytes = (): Buffer => packageOf({ lines: ['{"path":"/content","type":"folder"}', a, b] })
