import { a, b, folder, packageOf } from '../draft.ts'

export const message = /line 2 is not spelt as the format demands/
export const bytes = (): Buffer => packageOf({ lines: [`${folder} `, a, b] })
