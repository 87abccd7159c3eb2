import { defaultLimits } from '../../../../src/packages/limits.ts'
import { packageOf } from '../draft.ts'

export const message = /more than 10 bytes of content/
export const limits = { ...defaultLimits, maxBytes: 10 }
export const bytes = (): Buffer => packageOf()
