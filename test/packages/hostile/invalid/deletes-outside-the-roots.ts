import { packageOf } from '../draft.ts'

export const message = /outside of its roots/
export const bytes = (): Buffer => packageOf({ lines: ['{"type":"delete","path":"/","deep":true}'], content: [] })
