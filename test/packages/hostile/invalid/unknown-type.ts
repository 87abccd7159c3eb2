import { a, b, packageOf } from '../draft.ts'

export const message = /line 2 has the unknown type "link"/
export const bytes = (): Buffer => packageOf({ lines: ['{"type":"link","path":"/content"}', a, b] })
