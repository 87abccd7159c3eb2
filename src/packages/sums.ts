import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** What a package says of a content: in hex, in its manifest; and in its zip. */
export interface Sums {
  readonly digest: string
  readonly crc: number
}

export function sumsOf(content: Uint8Array): Sums {
  return { digest: hash('sha256', content), crc: crc32(content) }
}
