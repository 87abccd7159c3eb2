import { a, b, packageOf } from '../draft.ts'

export const message = /line 2 is not an object/
export const bytes = (): Buffer => packageOf({ lines: ['null', a, b] })
