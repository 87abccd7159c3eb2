import { ReplicationError } from '../errors.ts'

/** No entry of a state is as large; what has longer lines is something else. */
const maxBytes = 64 * 1024 * 1024

/**
 * The lines of a text, without the line feeds that end them; one that is not ended is no line. Throws `corrupt` for what is not
 * UTF-8, or has a line of more than 64 MiB.
 */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let begun: Uint8Array[] = []
  let length = 0
  for await (const chunk of chunks) {
    let from = 0
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, from)) {
      yield decode(
        decoder,
        begun.length === 0 ? chunk.subarray(from, at) : Buffer.concat([...begun, chunk.subarray(from, at)]),
      )
      from = at + 1
      begun = []
      length = 0
    }
    if (from === chunk.length) continue
    begun.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > maxBytes) throw new ReplicationError('corrupt', `a line has more than ${maxBytes} bytes`)
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new ReplicationError('corrupt', 'a line is not UTF-8', { cause })
  }
}
