import { packageOf } from '../draft.ts'

export const message = /is the index of a tree in several parts/
export const bytes = (): Buffer =>
  packageOf({
    lines: [`{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`],
    content: [],
  })
