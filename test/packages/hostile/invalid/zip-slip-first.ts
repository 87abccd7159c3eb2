import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

export const message = /leads out of the package/
export const bytes = (): Buffer => {
  const { items } = assemble(good)
  return zipOf([{ name: '../evil', content: Buffer.from('x') }, ...items])
}
