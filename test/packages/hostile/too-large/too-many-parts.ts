import { hash } from 'node:crypto'
import { packageOf } from '../draft.ts'

export const message = /more than 100000 parts/
export const bytes = (): Buffer => {
  const part = (_: unknown, i: number): string =>
    `{"type":"part","package":"sha256-${hash('sha256', `${i}`)}","entries":1,"bytes":1}`
  return packageOf({ lines: Array.from({ length: 100_001 }, part), content: [] })
}
