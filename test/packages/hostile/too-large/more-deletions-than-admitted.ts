import { defaultLimits } from '../../../../src/packages/limits.ts'
import { packageOf } from '../draft.ts'

/** They have no entry in the zip, so its count says nothing of them. */
export const message = /more than 3 entries/
export const limits = { ...defaultLimits, maxEntries: 3 }
export const bytes = (): Buffer =>
  packageOf({
    lines: ['a', 'b', 'c', 'd'].map((name) => `{"type":"delete","path":"/content/${name}","deep":true}`),
    content: [],
  })
