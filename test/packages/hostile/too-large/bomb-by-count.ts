import { defaultLimits } from '../../../../src/packages/limits.ts'
import { packageOf } from '../draft.ts'

export const message = /more than 2 entries/
export const limits = { ...defaultLimits, maxEntries: 2 }
export const bytes = (): Buffer => packageOf({ end: { count: 8 } })
