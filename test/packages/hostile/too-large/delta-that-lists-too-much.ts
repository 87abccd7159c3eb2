import { defaultLimits } from '../../../../src/packages/limits.ts'
import { delta, packageOf } from '../draft.ts'

export const limits = { ...defaultLimits, maxEntries: 2 }
export const message = /more than 2 entries/
export const bytes = (): Buffer => packageOf(delta)
