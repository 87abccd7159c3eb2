/** Files all of whose bytes follow from their number, so that whoever reads one can tell how old it is, and that it is whole. */
import { createHash } from 'node:crypto'

/** `<number> <size>`, a line feed, and that many bytes that no other number has, and that cannot be packed. */
export function bytesOf(number: number, size: number): Buffer {
  const bytes = createHash('shake256', { outputLength: size }).update(`${number}`).digest()
  return Buffer.concat([Buffer.from(`${number} ${size}\n`), bytes])
}

/** The number of a file that is whole, otherwise undefined: it is cut off, or holds bytes of several. */
export function numberIn(bytes: Buffer): number | undefined {
  const match = /^(\d+) (\d+)\n/.exec(bytes.toString('latin1', 0, 40))
  if (match === null) return undefined
  const number = Number(match[1])
  return bytes.equals(bytesOf(number, Number(match[2]))) ? number : undefined
}
