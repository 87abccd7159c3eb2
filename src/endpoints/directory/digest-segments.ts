/**
 * The files in which digests are remembered: for each root a folder of segments, and an index of them. A segment holds the records of a range
 * of paths, has its own SHA-256 for a name, and is never changed. The index begins with the SHA-256 of all its other lines: one that says
 * of which root and device they are, then one for each segment, in path order. What is no more what it was written as is nothing: neither a torn file
 * counts, nor one that was edited or put there from elsewhere. So nothing is flushed to the disk: what a crash leaves shows, and is no loss.
 *
 * Several may read and write at the same time. Who ends last has the index, and what another has replaced meanwhile stays for a few minutes:
 * whoever misses it reads the files again.
 */
import { hash, randomUUID } from 'node:crypto'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { ResourcePath } from '../../resources/path.ts'

export interface Segment {
  /** The SHA-256 of its records, hex. */
  readonly name: string
  /** The path of the first of them. */
  readonly first: ResourcePath
}

const indexName = 'index'
/** For those who have read the index before. */
const replacedMs = 5 * 60_000
const unusedMs = 30 * 24 * 3_600_000

/** The segments of one root. What has no contract about errors throws those of node:fs. */
export class DigestSegments {
  readonly #cacheFolder: string
  readonly #folder: string
  readonly #header: string

  constructor(cacheFolder: string, root: string, dev: number) {
    this.#cacheFolder = cacheFolder
    this.#folder = join(cacheFolder, hash('sha256', root).slice(0, 32))
    this.#header = JSON.stringify({ format: 'trebuchet-digests', version: 2, root, dev })
  }

  /** Those of the index, in path order; none where it is not what was written for this root. */
  known(): readonly Segment[] {
    try {
      const [seal, header, ...lines] = readFileSync(join(this.#folder, indexName), 'utf8').split('\n')
      if (header !== this.#header || seal !== sealOf([header, ...lines])) return []
      return lines.map((line) => {
        const [name, first] = JSON.parse(line) as [string, ResourcePath]
        return { name, first }
      })
    } catch {
      return []
    }
  }

  /** How many bytes the records have that were put into `into`; undefined when they are not what they were, or too many. No error comes of it. */
  load({ name }: Segment, into: Buffer): number | undefined {
    let fd: number | undefined
    try {
      fd = openSync(join(this.#folder, name), 'r')
      let read = 0
      for (let got = 1; got > 0; read += got) got = readSync(fd, into, read, into.length - read, read)
      return hash('sha256', into.subarray(0, read)) === name ? read : undefined
    } catch {
      return undefined
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }

  /** Nobody knows of it before it is in the index. */
  store(records: Buffer, first: ResourcePath): Segment {
    const name = hash('sha256', records)
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    this.#write(name, records)
    return { name, first }
  }

  /** From now on these are all. */
  replaceAll(segments: readonly Segment[]): void {
    const lines = [this.#header, ...segments.map(({ name, first }) => JSON.stringify([name, first]))]
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
    const before = this.known()
    this.#write(indexName, [sealOf(lines), ...lines].join('\n'))
    const kept = new Set([indexName, ...segments.map(({ name }) => name)])
    for (const { name } of before) if (!kept.has(name)) touch(join(this.#folder, name))
    removeOlder(this.#folder, replacedMs, kept)
    removeOlder(this.#cacheFolder, unusedMs)
  }

  /** They were of use. */
  keep(): void {
    touch(this.#folder)
  }

  #write(name: string, content: Buffer | string): void {
    const temporary = join(this.#folder, `${name}.${randomUUID()}`)
    writeFileSync(temporary, content, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, join(this.#folder, name))
  }
}

function sealOf(lines: readonly string[]): string {
  return hash('sha256', lines.join('\n'))
}

function touch(place: string): void {
  const now = new Date()
  try {
    utimesSync(place, now, now)
  } catch {
    // Somebody else has removed it.
  }
}

function removeOlder(folder: string, ms: number, kept?: ReadonlySet<string>): void {
  for (const name of readdirSync(folder)) {
    if (kept?.has(name) === true) continue
    const place = join(folder, name)
    const found = statSync(place, { throwIfNoEntry: false })
    if (found !== undefined && found.mtimeMs < Date.now() - ms) rmSync(place, { recursive: true, force: true })
  }
}
