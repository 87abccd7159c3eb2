import { a, b, folder, packageOf } from '../draft.ts'

export const message = /line 3 is not spelt as the format demands/
export const bytes = (): Buffer => packageOf({ lines: [folder, a.replace('}', ',"mode":493}'), b] })
