import { packageOf } from '../draft.ts'

export const message = /refers to bytes behind its end/
export const bytes = (): Buffer => packageOf({ end: { count: 9 } })
