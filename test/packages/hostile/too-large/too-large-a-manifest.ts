import { defaultLimits } from '../../../../src/packages/limits.ts'
import { packageOf } from '../draft.ts'

export const message = /its manifest is larger than 100 bytes/
export const limits = { ...defaultLimits, maxManifestBytes: 100 }
export const bytes = (): Buffer => packageOf()
