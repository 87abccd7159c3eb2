import { delta, packageOf } from '../draft.ts'

export const message = /properties.xml: it is not what the manifest demands/
export const bytes = (): Buffer =>
  packageOf({ ...delta, properties: (id) => delta.properties(id).replace('>true<', '>tru3<') })
