import { segmentBytes } from './compression.ts'

/** More than one package and its spools have at the same time need not be kept. */
const maxSpares = 8

const spares: Buffer[] = []

/**
 * A buffer of one segment, of those of this thread that nobody has any more. Were each a new one, a package would leave some five MiB behind, and
 * a thread has dozens before they are collected.
 */
export function takeSegment(): Buffer {
  return spares.pop() ?? Buffer.allocUnsafeSlow(segmentBytes)
}

/** Takes it back from whoever does not use it any more. What has another size is none, and not kept. */
export function giveSegment(segment: Buffer): void {
  if (segment.length === segmentBytes && spares.length < maxSpares) spares.push(segment)
}
