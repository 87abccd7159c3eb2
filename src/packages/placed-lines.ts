/**
 * What packages put on a target, as the lines of their manifests: so that a hundred thousand entries are compared, and one of them is found,
 * without an object for each.
 */
import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { lineFeed } from '../resources/listing.ts'
import { comparePaths, quote, type ResourcePath } from '../resources/path.ts'
import type { ResourceState } from '../resources/resource.ts'
import { parseEntry } from './manifest-lines.ts'
import type { ManifestEntry, PackageFile, PackageId } from './manifest.ts'
import { openManifest } from './manifest-only.ts'

/** Whole lines of one package: not those of what it deletes. */
export interface PlacedLines {
  readonly bytes: Buffer
  readonly package: PackageId
  /** It may list what it does not carry. */
  readonly delta: boolean
}

const deletion = '{"type":"delete"'

/** In path order, one package behind the other. Throws `invalid` where these are not in path order. */
export async function* placedLines(files: readonly PackageFile[]): AsyncGenerator<PlacedLines, void, void> {
  let last: ResourcePath | undefined
  for (const file of files) {
    const manifest = await openManifest(file)
    try {
      let isFirst = true
      for await (const all of manifest.chunks) {
        // No path has quotation marks that are not escaped.
        const bytes = all.includes(deletion) ? withoutDeletions(all) : all
        if (bytes.length === 0) continue
        const first = placedEntry(bytes, 0).path
        if (isFirst && last !== undefined && comparePaths(last, first) >= 0)
          throw new ReplicationError(
            'invalid',
            `the package ${file.id} lists ${quote(first)}, and the one before it ${quote(last)}: parts are not in path order`,
          )
        isFirst = false
        last = placedEntry(bytes, bytes.lastIndexOf(lineFeed, -2) + 1).path
        yield { bytes, package: file.id, delta: manifest.delta }
      }
    } finally {
      await manifest.close()
    }
  }
}

/** Of the line that begins there. */
export function placedEntry(bytes: Uint8Array, begin: number): ManifestEntry {
  const end = bytes.indexOf(lineFeed, begin)
  const line = Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin)
  return parseEntry(line.toString(), 'a line of it')
}

export function placedState(bytes: Uint8Array, begin: number): ResourceState {
  const { type, path, ...state } = placedEntry(bytes, begin)
  return type === 'file' ? { path, ...state } : { path }
}

/** SHA-256 of all these lines, in hex: what PackageSummary.listing is of one package that deletes nothing. */
export async function listingOf(files: readonly PackageFile[]): Promise<string> {
  const digest = createHash('sha256')
  for await (const { bytes } of placedLines(files)) digest.update(bytes)
  return digest.digest('hex')
}

function withoutDeletions(bytes: Buffer): Buffer {
  const kept: Buffer[] = []
  for (let begin = 0; begin < bytes.length;) {
    const end = bytes.indexOf(lineFeed, begin) + 1
    if (bytes.toString('latin1', begin, begin + deletion.length) !== deletion) kept.push(bytes.subarray(begin, end))
    begin = end
  }
  return Buffer.concat(kept)
}

/** Finds entries by their paths, which are asked for in path order. */
export class PlacedSearch {
  readonly #lines: AsyncIterator<PlacedLines>
  #block: PlacedLines | undefined
  #last: ResourcePath | undefined
  /** Where the line begins that was come to. */
  #at = 0

  constructor(lines: AsyncIterable<PlacedLines>) {
    this.#lines = lines[Symbol.asyncIterator]()
  }

  async at(
    path: ResourcePath,
  ): Promise<(Pick<PlacedLines, 'package' | 'delta'> & { readonly entry: ManifestEntry }) | undefined> {
    while (this.#last === undefined || comparePaths(this.#last, path) < 0) {
      const { done, value } = await this.#lines.next()
      if (done === true) return undefined
      this.#block = value
      this.#last = placedEntry(value.bytes, value.bytes.lastIndexOf(lineFeed, -2) + 1).path
      this.#at = 0
    }
    const { bytes, ...of } = this.#block as PlacedLines
    this.#at = seek(bytes, this.#at, path)
    const entry = placedEntry(bytes, this.#at)
    return entry.path === path ? { ...of, entry } : undefined
  }

  async close(): Promise<void> {
    await this.#lines.return?.()
  }
}

/** Where in the block the first line from `low` on begins that is not before the path; there is one. */
function seek(bytes: Buffer, low: number, path: ResourcePath): number {
  const lineAt = (place: number): number => (place === 0 ? 0 : bytes.lastIndexOf(lineFeed, place - 1) + 1)
  const isBefore = (begin: number): boolean => comparePaths(placedEntry(bytes, begin).path, path) < 0
  const behind = (begin: number): number => bytes.indexOf(lineFeed, begin) + 1
  let high = bytes.length
  // What is asked for next is mostly near.
  for (let step = 0; low + step < high; step = 2 * step + 256) {
    const begin = lineAt(low + step)
    if (!isBefore(begin)) {
      high = begin
      break
    }
    low = behind(begin)
  }
  while (low < high) {
    const begin = Math.max(low, lineAt(Math.floor((low + high) / 2)))
    if (isBefore(begin)) low = behind(begin)
    else high = begin
  }
  return low
}
