import { ReplicationError } from '../../errors.ts'

/** One document is not longer than this. */
const maxElementBytes = 64 * 1024 * 1024

const quoteMark = 0x22
const backslash = 0x5c
const comma = 0x2c
const open: ReadonlySet<number> = new Set([0x5b, 0x7b])
const shut: ReadonlySet<number> = new Set([0x5d, 0x7d])
const blank = /^\s*$/

/**
 * The elements of an array, in JSON and UTF-8, each as its own bytes: whatever is wrong within one is for whoever parses it.
 * Throws `invalid` for what is no array, or not all of one, and `too-large`.
 */
export async function* elementsOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let depth = 0
  let inText = false
  let escaped = false
  let ended = false
  let count = 0
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] as number
      if (inText) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quoteMark) inText = false
        continue
      }
      if (byte === quoteMark) inText = true
      else if (open.has(byte)) {
        if (ended) throw broken('there is more behind its end')
        if (depth++ === 0) from = at + 1
      } else if (shut.has(byte) || (byte === comma && depth === 1)) {
        if (depth === 0) throw broken('it does not begin with a bracket')
        if (byte !== comma && --depth > 0) continue
        const element = Buffer.concat([...held, chunk.subarray(from, at)])
        held = []
        heldBytes = 0
        from = at + 1
        ended = depth === 0
        const isEmpty = element.length < 100 && blank.test(element.toString())
        if (isEmpty && (byte === comma || count > 0)) throw broken('an element is missing')
        count++
        if (!isEmpty) yield element
      }
    }
    if (depth === 0) continue
    held.push(chunk.subarray(from))
    heldBytes += chunk.length - from
    if (heldBytes > maxElementBytes)
      throw new ReplicationError(
        'too-large',
        `element ${count + 1} of an array is longer than ${maxElementBytes} bytes`,
      )
  }
  if (!ended) throw broken('it ends in the middle')
}

function broken(why: string): ReplicationError {
  return new ReplicationError('invalid', `this is no JSON array: ${why}`)
}
