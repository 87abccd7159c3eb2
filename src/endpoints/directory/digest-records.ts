import { hash } from 'node:crypto'
import { join } from 'node:path'
import { stateOf } from '../../resources/listing.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { FrameReader } from './digest-file.ts'

/** What stands before the line of a record. */
export const numbersBytes = 36

/** The path that the next frame begins with. */
export function firstOf(reader: FrameReader): ResourcePath | undefined {
  try {
    const begun = reader.peek()
    if (begun === undefined) return undefined
    return stateOf(begun, numbersBytes, numbersBytes + begun.readUInt32LE(numbersBytes - 4)).path
  } catch {
    // It is too long, or not whole.
    return undefined
  }
}

/** Where digests of that root are remembered. */
export function fileOf(folder: string, root: string): string {
  return join(folder, `${hash('sha256', root).slice(0, 32)}.digests`)
}
