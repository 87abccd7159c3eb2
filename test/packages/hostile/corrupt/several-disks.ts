import { packageOf } from '../draft.ts'

export const message = /one disk of several/
export const bytes = (): Buffer => packageOf({ end: { disk: 1 } })
