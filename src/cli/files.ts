import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ReplicationError } from '../errors.ts'

/** Each piece has many lines. */
const oneAtATime = { highWaterMark: 1 }

/** The bytes of a file, or for `-` those of standard input. Throws `invalid` when that is a terminal. */
export function inputFrom(file: string): Readable {
  if (file !== '-') return createReadStream(file, { highWaterMark: 256 * 1024 })
  if (process.stdin.isTTY) throw new ReplicationError('invalid', 'standard input is a terminal: name a FILE')
  return process.stdin
}

/**
 * Writes text to a file, or for `-` to standard output. A file gets its name when it is whole and on the disk, and only its
 * owner may read it; one of that name is replaced. Throws `invalid` when standard output is a terminal.
 */
export async function outputTo(file: string, lines: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  if (file === '-') {
    if (process.stdout.isTTY)
      throw new ReplicationError('invalid', 'standard output is a terminal, and this holds secrets: name a FILE')
    return pipeline(Readable.from(lines, oneAtATime), process.stdout, { signal, end: false })
  }
  const partial = `${file}.partial`
  await rm(partial, { force: true })
  try {
    await pipeline(
      Readable.from(lines, oneAtATime),
      createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true }),
      { signal },
    )
    await rename(partial, file)
  } finally {
    await rm(partial, { force: true })
  }
  const folder = await open(dirname(file))
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
