import { folder, packageOf } from '../draft.ts'

export const message = /line 3 is not a part, and an index lists nothing else/
export const bytes = (): Buffer =>
  packageOf({
    lines: [`{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`, folder],
    content: [],
  })
