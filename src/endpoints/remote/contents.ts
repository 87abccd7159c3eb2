/**
 * Several contents as one stream of bytes: for each a line of JSON with its path and its size in bytes, and then the bytes. A line without a size
 * names what is too large to travel among others. The last line says how many lines there were before: without it something is missing.
 */
import type { Readable } from 'node:stream'
import { ReplicationError } from '../../errors.ts'
import { parsePath, type ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'

/** What is larger is asked for by itself. */
export const smallBytes = 256 * 1024
/** No path, with what else is said of it, makes a longer line. */
export const maxLineBytes = 64 * 1024
const chunkBytes = 64 * 1024

interface Head {
  readonly path?: string
  readonly size?: number
  readonly end?: number
}

/** Of what has no content nothing is said. */
export async function* framed(resources: AsyncIterable<Resource>): AsyncGenerator<Buffer, void, void> {
  let pieces: Uint8Array[] = []
  let [bytes, count] = [0, 0]
  const add = (head: Head, content: Uint8Array = Buffer.alloc(0)): void => {
    // A copy: it is good until the next is asked for.
    const piece = Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), content])
    pieces.push(piece)
    bytes += piece.length
  }
  for await (const { path, content } of resources) {
    const found = content?.()
    if (found === undefined) continue
    count++
    if (found instanceof Uint8Array && found.length <= smallBytes) add({ path, size: found.length }, found)
    else add({ path })
    if (!(found instanceof Uint8Array)) found.destroy()
    if (bytes < chunkBytes) continue
    yield Buffer.concat(pieces)
    pieces = []
    bytes = 0
  }
  add({ end: count })
  yield Buffer.concat(pieces)
}

export interface Unframed {
  readonly path: ResourcePath
  /** Absent: it is to be asked for by itself. */
  readonly bytes?: Buffer
}

/** Throws `rejected` for what is no such stream, `unavailable` where it ends before its end. */
export async function* unframed(
  body: Readable,
  brokenOff: () => ReplicationError,
): AsyncGenerator<Unframed, void, void> {
  let held: Buffer = Buffer.alloc(0)
  let head: Head | undefined
  let count = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    for (;;) {
      if (head === undefined) {
        const feed = held.indexOf('\n')
        if (feed < 0 && held.length <= maxLineBytes) break
        head = headIn(held.subarray(0, Math.max(feed, 0)))
        held = held.subarray(feed + 1)
      }
      if (head.end !== undefined) {
        if (head.end !== count || held.length > 0) throw brokenOff()
        return
      }
      const { path = '', size } = head
      if (held.length < (size ?? 0)) break
      count++
      if (size === undefined) yield { path: parsePath(path) }
      else yield { path: parsePath(path), bytes: held.subarray(0, size) }
      held = held.subarray(size ?? 0)
      head = undefined
    }
  }
  throw brokenOff()
}

function headIn(line: Buffer): Head {
  try {
    const head = JSON.parse(line.toString()) as Head
    const { size = 0 } = head
    if (Number.isSafeInteger(size) && size >= 0 && size <= smallBytes) return head
  } catch {
    // It is none either.
  }
  throw new ReplicationError('rejected', 'the other server answers with contents that cannot be read')
}
