import { a, folder, packageOf } from '../draft.ts'

export const message = /is not listed/
export const bytes = (): Buffer =>
  packageOf({ lines: [folder, a, '{"type":"delete","path":"/content/b.json","deep":false}'] })
