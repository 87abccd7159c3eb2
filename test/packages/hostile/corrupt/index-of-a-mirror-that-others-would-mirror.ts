import { good, packageOf } from '../draft.ts'

export const message = /it is not what the manifest demands/
export const bytes = (): Buffer =>
  packageOf({
    header: good.header.replace('"update"', '"mirror"'),
    filter: good.filter.replace(' mode="update"', ''),
    lines: [`{"type":"part","package":"sha256-${'0'.repeat(64)}","entries":1,"bytes":1}`],
    content: [],
  })
