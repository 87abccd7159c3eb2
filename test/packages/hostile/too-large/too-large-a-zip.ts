import { defaultLimits } from '../../../../src/packages/limits.ts'
import { packageOf } from '../draft.ts'

export const message = /the package is larger than 1000 bytes/
export const limits = { ...defaultLimits, maxZipBytes: 1000 }
export const bytes = (): Buffer => packageOf()
