import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { maxHeaderBytes, maxLineBytes, parseEntry, parseHeader, parsePart, partStart } from './manifest-lines.ts'
import type { ManifestEntry, ManifestHeader, ManifestPart, PackageId } from './manifest.ts'

const newline = 0x0a

/** What a manifest is as a whole: all that can be said without looking at its entries. */
export interface ManifestOutline {
  readonly id: PackageId
  readonly header: ManifestHeader
  /** How many lines follow the header. */
  readonly lines: number
  /** SHA-256 of these lines, in hex. */
  readonly listing: string
  /** Whether the first of them is that of an index. */
  readonly index: boolean
}

/** Reads the first line, and the rest for its digest only. Throws `invalid`. */
export async function outlineOf(chunks: AsyncIterable<Buffer>): Promise<ManifestOutline> {
  const digest = createHash('sha256')
  const listing = createHash('sha256')
  let header: ManifestHeader | undefined
  let begun: Buffer[] = []
  let bytes = 0
  let lines = 0
  let last = -1
  let second = ''
  for await (const chunk of chunks) {
    digest.update(chunk)
    if (header === undefined) {
      const end = chunk.indexOf(newline)
      if (end >= 0) second = latin1(chunk, end + 1, partStart.length)
      begun.push(end < 0 ? chunk : chunk.subarray(0, end))
      bytes += end < 0 ? chunk.length : end
      if (bytes > maxHeaderBytes) throw refused('line 1 is too long')
      if (end >= 0) {
        listing.update(chunk.subarray(end + 1))
        header = parseHeader(textOf(Buffer.concat(begun), 'line 1'))
        begun = []
      }
    } else {
      listing.update(chunk)
      if (second.length < partStart.length) second += latin1(chunk, 0, partStart.length - second.length)
    }
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, at + 1)) lines++
    last = chunk.at(-1) ?? last
  }
  if (header === undefined || last !== newline) throw refused('its last line does not end')
  return {
    ...{ id: `sha256-${digest.digest('hex')}` as PackageId, header, lines: lines - 1, index: second === partStart },
    listing: listing.digest('hex'),
  }
}

/** The entries, as many at a time as a chunk holds. Throws `invalid`. */
export function entriesIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<ManifestEntry[], void, void> {
  return linesIn(chunks, parseEntry)
}

/** The same of an index. */
export function partsIn(chunks: AsyncIterable<Buffer>): AsyncGenerator<ManifestPart[], void, void> {
  return linesIn(chunks, parsePart)
}

async function* linesIn<T>(
  chunks: AsyncIterable<Buffer>,
  parse: (line: string, at: string) => T,
): AsyncGenerator<T[], void, void> {
  let begun: Buffer[] = []
  let bytes = 0
  let line = 0
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(newline)
    if (end < 0) {
      begun.push(chunk)
      bytes += chunk.length
    } else {
      const at = `a line behind line ${line + 1}`
      const lines: string[] = []
      let from = 0
      if (bytes > 0) {
        // Only a line that chunks share is put together.
        from = chunk.indexOf(newline) + 1
        lines.push(textOf(Buffer.concat([...begun, chunk.subarray(0, from - 1)]), at))
      }
      if (from <= end) for (const text of textOf(chunk.subarray(from, end), at).split('\n')) lines.push(text)
      begun = [chunk.subarray(end + 1)]
      bytes = chunk.length - end - 1
      if (line === 0) lines.shift()
      line ||= 1
      const entries: T[] = []
      for (const text of lines) entries.push(parse(text, `line ${++line}`))
      yield entries
    }
    if (bytes > (line === 0 ? maxHeaderBytes : maxLineBytes)) throw refused(`line ${line + 1} is too long`)
  }
}

/** The same as bytes: whole lines, at most as many at a time as a chunk holds, without a look at what they say. */
export async function* bytesBehindHeader(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let begun: Buffer[] = []
  let isBehind = false
  for await (const chunk of chunks) {
    const from: number = isBehind ? 0 : chunk.indexOf(newline) + 1
    isBehind ||= from > 0
    const end = chunk.lastIndexOf(newline) + 1
    if (!isBehind) continue
    if (end <= from) {
      begun.push(chunk.subarray(from))
      continue
    }
    // Only a line that two chunks share is copied.
    const behind = begun.length === 0 ? from : chunk.indexOf(newline, from) + 1
    if (behind > from) yield Buffer.concat([...begun, chunk.subarray(from, behind)])
    if (end > behind) yield chunk.subarray(behind, end)
    begun = end < chunk.length ? [chunk.subarray(end)] : []
  }
}

function latin1(chunk: Buffer, start: number, length: number): string {
  return chunk.toString('latin1', start, start + length)
}

function textOf(bytes: Buffer, at: string): string {
  if (!isUtf8(bytes)) throw refused(`${at} is not UTF-8`)
  return bytes.toString()
}

function refused(why: string): ReplicationError {
  return new ReplicationError('invalid', `package manifest: ${why}`)
}
