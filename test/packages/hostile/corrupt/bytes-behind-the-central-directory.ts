import { packageOf } from '../draft.ts'

export const message = /not where its end says/
export const bytes = (): Buffer => packageOf({ end: { before: () => Buffer.from('hidden') } })
