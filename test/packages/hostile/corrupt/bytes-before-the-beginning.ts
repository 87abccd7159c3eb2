import { assemble, good } from '../draft.ts'
import { zipOf } from '../zip-bytes.ts'

export const message = /does not follow what is before it/
export const bytes = (): Buffer => {
  const { items, order } = assemble(good)
  return zipOf(
    items.map((item, i) => (i === 0 ? { ...item, before: Buffer.from('#!/bin/sh\n') } : item)),
    order,
  )
}
