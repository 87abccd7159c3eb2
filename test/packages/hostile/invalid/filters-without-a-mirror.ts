import { good, packageOf } from '../draft.ts'

export const message = /filters/
export const bytes = (): Buffer =>
  packageOf({ header: good.header.replace('}', ',"filters":[{"exclude":"/content/x"}]}') })
