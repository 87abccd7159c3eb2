import { delta, packageOf } from '../draft.ts'

export const message = /filter.xml: it is not what the manifest demands/
export const bytes = (): Buffer =>
  packageOf({
    ...delta,
    header: delta.header.replace('update', 'mirror'),
    filter: delta.filter.replace(' mode="update"', ''),
  })
