import { a, b, packageOf } from '../draft.ts'

export const message = /line 2 is not JSON/
export const bytes = (): Buffer => packageOf({ lines: ['folder /content', a, b] })
