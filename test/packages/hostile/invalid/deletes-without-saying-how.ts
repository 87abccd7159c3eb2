import { packageOf } from '../draft.ts'

export const message = /does not say whether it deletes deep/
export const bytes = (): Buffer => packageOf({ lines: ['{"type":"delete","path":"/content"}'], content: [] })
