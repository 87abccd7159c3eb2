import { good, packageOf } from '../draft.ts'

export const message = /neither an include nor an exclude/
export const bytes = (): Buffer =>
  packageOf({
    header: good.header.replace('update', 'mirror').replace('}', ',"filters":[{"exclude":"/x","include":"/x"}]}'),
  })
