/**
 * A package that one end lays down for the other within one process, while nothing of the destination may be touched: it
 * is not kept, sent, or read by anybody else, so it is neither packed nor flushed. Small ones stay in memory.
 *
 * The file is a row of frames. A frame is two lengths in bytes, each an unsigned 32-bit number, the most significant byte
 * first; a list of manifest entries in JSON, which has the first length; and their contents one behind the other, which
 * have the second.
 */
import { createHash, hash } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import type { Resource } from '../resources/resource.ts'
import { EntryOrder } from './entry-order.ts'
import { defaultLimits } from './limits.ts'
import { entryLine } from './manifest-lines.ts'
import type { Loose, ManifestEntry, ManifestHeader, PackageFile, PackageId, PackageSummary } from './manifest.ts'
import { bytesAccess, readFrom, type RandomAccess } from './random-access.ts'
import { pageOf, type PackageChange, type PackageReader, type ReadOptions, type Verification } from './reader.ts'
import { Regions } from './regions.ts'
import { storageError } from './storage-error.ts'
import type { FileEntry } from './walk.ts'

const frameEntries = 256
const frameBytes = 1024 * 1024
const lengthsBytes = 8
/** What is larger goes to the file. */
const memoryBytes = 8 * 1024 * 1024

export interface LooseOptions {
  /** Made when it is needed; an error when it is there already. Whoever asked removes it. */
  readonly file: string
  readonly signal: AbortSignal
}

/**
 * Lays all of them down, and answers when the last has come. They come strictly in path order: else `invalid`; `too-large`
 * beyond a package's limits, `unavailable` when the disk is full; what reading them throws comes out as it is.
 */
export async function writeLoose(
  header: ManifestHeader,
  resources: AsyncIterable<Resource>,
  { file, signal }: LooseOptions,
): Promise<{ readonly file: PackageFile; readonly summary: PackageSummary }> {
  const order = new EntryOrder(header, defaultLimits)
  const lying = new Lying(file, header)
  try {
    let frame: Frame = { entries: [], contents: [], bytes: 0 }
    for await (const { path, content } of resources) {
      const bytes = content === undefined ? undefined : await wholeOf(content())
      const entry: ManifestEntry =
        bytes === undefined
          ? { type: 'folder', path }
          : { type: 'file', path, digest: hash('sha256', bytes), size: bytes.length }
      order.admit(entry)
      frame.entries.push(entry)
      if (bytes !== undefined) frame.contents.push(bytes)
      frame.bytes += bytes?.length ?? 0
      if (frame.entries.length < frameEntries && frame.bytes < frameBytes) continue
      signal.throwIfAborted()
      await lying.add(frame)
      frame = { entries: [], contents: [], bytes: 0 }
    }
    signal.throwIfAborted()
    if (frame.entries.length > 0) await lying.add(frame)
    const { id, bytes, size } = lying
    const { entries } = order
    const loose = { header, entries }
    return {
      file: { id, file, loose, ...(bytes !== undefined && { bytes }) },
      summary: { ...header, id, entries, bytes: order.bytes, zipBytes: size },
    }
  } finally {
    await lying.close()
  }
}

async function wholeOf(content: Uint8Array | Readable): Promise<Uint8Array> {
  return content instanceof Uint8Array ? content : Buffer.concat((await content.toArray()) as Buffer[])
}

interface Frame {
  readonly entries: ManifestEntry[]
  readonly contents: Uint8Array[]
  bytes: number
}

class Lying {
  readonly #file: string
  readonly #digest = createHash('sha256')
  #held: Uint8Array[] = []
  #handle: FileHandle | undefined
  #heldBytes = 0
  size = 0

  constructor(file: string, header: ManifestHeader) {
    this.#file = file
    this.#digest.update(JSON.stringify(header))
  }

  get id(): PackageId {
    return `sha256-${this.#digest.digest('hex')}` as PackageId
  }

  /** All of it, unless it is in the file. */
  get bytes(): Uint8Array | undefined {
    return this.#handle === undefined ? Buffer.concat(this.#held) : undefined
  }

  async add({ entries, contents, bytes }: Frame): Promise<void> {
    const list = Buffer.from(JSON.stringify(entries))
    this.#digest.update(list)
    const lengths = Buffer.alloc(lengthsBytes)
    lengths.writeUInt32BE(list.length, 0)
    lengths.writeUInt32BE(bytes, 4)
    const frame = Buffer.concat([lengths, list, ...contents])
    this.#held.push(frame)
    this.#heldBytes += frame.length
    this.size += frame.length
    if (this.#handle !== undefined || this.#heldBytes > memoryBytes) await this.#spill()
  }

  async close(): Promise<void> {
    await this.#handle?.close()
  }

  async #spill(): Promise<void> {
    try {
      this.#handle ??= await open(this.#file, 'wx', 0o600)
      for (const frame of this.#held) await this.#handle.appendFile(frame)
    } catch (error) {
      throw storageError(error, 'laying a package down')
    }
    this.#held = []
    this.#heldBytes = 0
  }
}

/** What was laid down, in memory or in its file. */
export class LooseReader implements PackageReader {
  readonly id: PackageId
  readonly header: ManifestHeader
  readonly delta = false
  readonly origin = undefined
  readonly parts = []
  readonly entryCount: number
  readonly zipBytes: number
  readonly #access: RandomAccess
  /** What was in memory all the while is as it was. */
  readonly #inMemory: Buffer | undefined

  constructor({ id }: PackageFile, { header, entries }: Loose, there: Uint8Array | RandomAccess) {
    this.id = id
    this.header = header
    this.entryCount = entries
    this.#inMemory =
      there instanceof Uint8Array ? Buffer.from(there.buffer, there.byteOffset, there.byteLength) : undefined
    this.#access = there instanceof Uint8Array ? bytesAccess(there) : there
    this.zipBytes = this.#access.size
  }

  async *changes(options: ReadOptions = {}): AsyncGenerator<PackageChange, void, void> {
    for await (const batch of this.batches(options)) yield* batch
  }

  async *batches({ paths, passes, signal }: ReadOptions = {}): AsyncGenerator<PackageChange[], void, void> {
    const wanted = paths === undefined ? undefined : new Regions(paths)
    for await (const { entries, contents } of this.#frames(true)) {
      const batch: PackageChange[] = []
      let at = 0
      for (const entry of entries) {
        const content = entry.type === 'file' ? contents.subarray(at, (at += entry.size)) : undefined
        if (wanted?.hold(entry.path) === false || passes?.(entry) === true) continue
        if (entry.type === 'file') batch.push({ kind: 'put', entry, content: this.#checked(entry, content as Buffer) })
        else batch.push(entry.type === 'folder' ? { kind: 'folder', entry } : { kind: 'delete', entry })
      }
      signal?.throwIfAborted()
      yield batch
      // Where all is in memory nothing of this waits, and other work would never have its turn.
      await setImmediate()
    }
  }

  /** It has all contents. */
  deltaBatches(options: ReadOptions = {}): AsyncGenerator<PackageChange[], void, void> {
    return this.batches(options)
  }

  async verify(signal?: AbortSignal): Promise<Verification> {
    let bytes = 0
    for await (const batch of this.batches(signal === undefined ? {} : { signal }))
      for (const change of batch) if (change.kind === 'put') bytes += change.entry.size
    return { bytes }
  }

  async entries(page: { readonly after?: ResourcePath; readonly limit: number }): Promise<ManifestEntry[]> {
    return pageOf(this.manifest(), page)
  }

  async *manifest(): AsyncGenerator<ManifestEntry[], void, void> {
    for await (const { entries } of this.#frames(false)) yield entries
  }

  async *manifestBytes(): AsyncGenerator<Buffer, void, void> {
    for await (const entries of this.manifest())
      yield Buffer.from(entries.map((entry) => `${entryLine(entry)}\n`).join(''))
  }

  async close(): Promise<void> {
    await this.#access.close()
  }

  async *#frames(withContents: boolean): AsyncGenerator<{ entries: ManifestEntry[]; contents: Buffer }, void, void> {
    for (let at = 0; at < this.#access.size;) {
      const lengths = await this.#part(at, lengthsBytes)
      const [listBytes, contentBytes] = [lengths.readUInt32BE(0), lengths.readUInt32BE(4)]
      at += lengthsBytes
      const part = await this.#part(at, withContents ? listBytes + contentBytes : listBytes)
      const entries = JSON.parse(part.toString('utf8', 0, listBytes)) as ManifestEntry[]
      yield { entries, contents: part.subarray(listBytes) }
      at += listBytes + contentBytes
    }
  }

  async #part(at: number, length: number): Promise<Buffer> {
    if (this.#inMemory !== undefined) return this.#inMemory.subarray(at, at + length)
    const part = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length;) {
      const read = await readFrom(this.#access, part.subarray(done), at + done)
      if (read === 0) throw new ReplicationError('corrupt', 'package: it became shorter while it was read')
      done += read
    }
    return part
  }

  #checked({ path, digest }: FileEntry, content: Buffer): Buffer {
    if (this.#inMemory === undefined && hash('sha256', content) !== digest)
      throw new ReplicationError('corrupt', `package entry ${quote(path)}: its content is not that of its digest`)
    return content
  }
}
