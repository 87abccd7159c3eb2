import { packageOf } from '../draft.ts'

export const message = /is too long|is longer than/
export const bytes = (): Buffer =>
  packageOf({
    lines: [`{"type":"folder","path":"/content/${'x'.repeat(5_000_000)}"}`],
    content: [],
    manifestItem: { method: 0 },
  })
