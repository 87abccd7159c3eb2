import { packageOf } from '../draft.ts'

export const message = /is not well-formed Unicode/
export const bytes = (): Buffer => packageOf({ lines: ['{"type":"folder","path":"/content/\\ud800"}'], content: [] })
