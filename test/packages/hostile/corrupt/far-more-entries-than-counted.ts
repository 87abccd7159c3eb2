import { packageOf } from '../draft.ts'

export const message = /fewer entries than its end says/
export const bytes = (): Buffer => packageOf({ end: { count: 60_000 } })
