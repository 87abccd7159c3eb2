import { packageOf } from '../draft.ts'

export const message = /has a segment ../
export const bytes = (): Buffer => packageOf({ lines: ['{"type":"folder","path":"/content/../x"}'], content: [] })
