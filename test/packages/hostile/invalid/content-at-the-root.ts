import { fileLine, good, packageOf } from '../draft.ts'

export const message = /content at "\/"/
export const bytes = (): Buffer =>
  packageOf({
    header: good.header.replace('/content', '/'),
    filter: good.filter.replace('/content', '/'),
    lines: [fileLine('/', Buffer.from('x'))],
    content: [],
  })
