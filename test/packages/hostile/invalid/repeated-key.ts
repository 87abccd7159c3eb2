import { a, b, folder, packageOf } from '../draft.ts'

/** One reader would take the first value, another the last. */
export const message = /line 3 is not spelt as the format demands/
export const bytes = (): Buffer => packageOf({ lines: [folder, a.replace('{', '{"path":"/content/x",'), b] })
