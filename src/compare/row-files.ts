import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, open, readdir, rename, rm, stat, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import { syncFolder } from '../packages/sync-folder.ts'
import { findRow } from './row-search.ts'
import { gone, guarded } from '../packages/storage-error.ts'

const writeBytes = 256 * 1024
/** What comes of the rows in one takes some milliseconds, in which the server does nothing else. */
const readBytes = 32 * 1024
const keeping = 'keeping a comparison'
const idPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** A row, and where the one behind it begins. */
export interface PlacedRow<T> {
  readonly row: T
  readonly end: number
}

/** A file of rows that is held open. */
export interface HeldRows {
  /** From the first on; any number of times. */
  rows<T>(): AsyncGenerator<PlacedRow<T>, void, void>
  /** The row for which `order` answers 0, where rows are sorted by it: below 0 for those before it. Reads few of them. */
  find<T>(order: (row: T) => number): Promise<T | undefined>
  close(): Promise<void>
}

interface ReadRows {
  readonly from?: number
  readonly wants?: (bytes: Buffer, begin: number) => boolean
}

/**
 * Lists that are too long for the Store: comparisons, plans, what source and target last had in common. A file has a line
 * of JSON for each row, is written once, by somebody who then refers to it, and never modified: `<two hex digits>/<id>.ndjson`.
 * What is not yet whole is in `temporary/`.
 */
export class RowFiles {
  readonly #folder: string

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Makes the folder when there is none, and removes what was cut off and is older than `abandonedMs`. */
  static async open(folder: string, { abandonedMs = 0 }: { readonly abandonedMs?: number } = {}): Promise<RowFiles> {
    return guarded('opening the folder of comparisons', async () => {
      const temporary = join(folder, 'temporary')
      await mkdir(temporary, { recursive: true })
      for (const name of await readdir(temporary)) {
        const file = join(temporary, name)
        const found = await stat(file).catch(gone)
        if (found !== undefined && found.mtimeMs <= Date.now() - abandonedMs) await rm(file, { force: true })
      }
      return new RowFiles(folder)
    })
  }

  /** Answers the file's id once all rows are on the disk; keeps nothing when the rows throw. */
  async write(rows: AsyncIterable<unknown> | Iterable<unknown>): Promise<string> {
    const writer = await this.begin()
    try {
      for await (const row of rows) await writer.add(row)
      return await writer.end()
    } finally {
      await writer.close()
    }
  }

  /** A file to which rows are added one by one. */
  async begin(): Promise<RowWriter> {
    const id = randomUUID()
    const temporary = join(this.#folder, 'temporary', id)
    const handle = await guarded(keeping, () => open(temporary, 'wx', 0o600))
    return new RowWriter(handle, temporary, async () => {
      await this.#place(id, temporary)
      return id
    })
  }

  async #place(id: string, temporary: string): Promise<void> {
    const folder = join(this.#folder, id.slice(0, 2))
    await mkdir(folder, { recursive: true })
    await rename(temporary, this.#file(id))
    await syncFolder(folder)
    await syncFolder(this.#folder)
  }

  /**
   * The rows from an `end` on, in order; only those whose line is wanted, which lies in the bytes from `begin` on. Throws
   * `missing`, `invalid` where no row ends.
   */
  async *read<T>(id: string, { from = 0, wants }: ReadRows = {}): AsyncGenerator<PlacedRow<T>, void, void> {
    const file = await guarded('reading a comparison', () => open(this.#file(id)).catch(gone))
    if (file === undefined) throw new ReplicationError('missing', `the rows ${id} are no longer kept`)
    try {
      yield* rowsIn<T>(file, from, wants)
    } finally {
      await file.close()
    }
  }

  /** A file that stays readable until it is closed, whoever removes it meanwhile. Throws `missing`. */
  async hold(id: string): Promise<HeldRows> {
    const file = await guarded('reading a comparison', () => open(this.#file(id)).catch(gone))
    if (file === undefined) throw new ReplicationError('missing', `the rows ${id} are no longer kept`)
    return {
      rows: <T>() => rowsIn<T>(file, 0, undefined),
      find: (order) => findRow(file, order),
      close: () => file.close(),
    }
  }

  async has(id: string): Promise<boolean> {
    return (await this.size(id)) !== undefined
  }

  /** In bytes; undefined where there are no such rows. */
  async size(id: string): Promise<number | undefined> {
    return (await guarded('reading a comparison', () => stat(this.#file(id)).catch(gone)))?.size
  }

  /** Copies a file there unless it is there already. Answers whether it was copied. Throws `missing`. */
  async copyTo(id: string, other: RowFiles): Promise<boolean> {
    if (await other.has(id)) return false
    return guarded('copying a comparison', async () => {
      const temporary = join(other.#folder, 'temporary', id)
      const found = await copyFile(this.#file(id), temporary).catch(gone)
      if (found === undefined && !(await this.has(id)))
        throw new ReplicationError('missing', `the rows ${id} are no longer kept`)
      const handle = await open(temporary, 'r+')
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
      await other.#place(id, temporary)
      return true
    })
  }

  async remove(id: string): Promise<void> {
    await guarded('removing a comparison', () => rm(this.#file(id), { force: true }))
  }

  /** All of them. What is written or removed meanwhile may or may not be among them. */
  async *list(): AsyncGenerator<{ readonly id: string; readonly mtimeMs: number }, void, void> {
    const folders = await guarded('listing comparisons', () => readdir(this.#folder))
    for (const folder of folders.filter((name) => /^[0-9a-f]{2}$/.test(name)))
      for (const name of await guarded('listing comparisons', () => readdir(join(this.#folder, folder)))) {
        const id = name.replace(/\.ndjson$/, '')
        const found = idPattern.test(id) ? await stat(this.#file(id)).catch(gone) : undefined
        if (found !== undefined) yield { id, mtimeMs: found.mtimeMs }
      }
  }

  /** Throws `missing` for what is no id: it may come from a caller. */
  #file(id: string): string {
    if (!idPattern.test(id)) throw new ReplicationError('missing', 'there are no such rows')
    return join(this.#folder, id.slice(0, 2), `${id}.ndjson`)
  }
}

/** A file of rows that is being written. */
export class RowWriter {
  readonly #handle: FileHandle
  readonly #temporary: string
  readonly #keep: () => Promise<string>
  #lines = ''
  #chunks: Uint8Array[] = []
  #bytes = 0

  constructor(handle: FileHandle, temporary: string, keep: () => Promise<string>) {
    this.#handle = handle
    this.#temporary = temporary
    this.#keep = keep
  }

  async add(row: unknown): Promise<void> {
    this.#lines += `${JSON.stringify(row)}\n`
    if (this.#lines.length >= writeBytes) await this.#flush()
  }

  /** Rows that are lines already. */
  async addLines(lines: Uint8Array): Promise<void> {
    this.#chunk()
    this.#chunks.push(lines)
    this.#bytes += lines.length
    if (this.#bytes >= writeBytes) await this.#flush()
  }

  /** Answers the file's id once all rows are on the disk. */
  async end(): Promise<string> {
    await this.#flush()
    return guarded(keeping, async () => {
      await this.#handle.sync()
      return this.#keep()
    })
  }

  /** What was not ended is gone. */
  async close(): Promise<void> {
    await this.#handle.close()
    await rm(this.#temporary, { force: true })
  }

  async #flush(): Promise<void> {
    this.#chunk()
    const chunks = this.#chunks
    this.#chunks = []
    this.#bytes = 0
    for (const chunk of chunks) await guarded(keeping, () => this.#handle.appendFile(chunk))
  }

  #chunk(): void {
    if (this.#lines === '') return
    this.#chunks.push(Buffer.from(this.#lines))
    this.#bytes += this.#lines.length
    this.#lines = ''
  }
}

async function* rowsIn<T>(
  file: FileHandle,
  from: number,
  wants: ReadRows['wants'],
): AsyncGenerator<PlacedRow<T>, void, void> {
  const chunk = Buffer.allocUnsafe(readBytes)
  if (from > 0) {
    const { bytesRead } = await guarded('reading a comparison', () => file.read(chunk, 0, 1, from - 1))
    if (bytesRead === 0 || chunk[0] !== 10) throw new ReplicationError('invalid', 'no row ends there')
  }
  let held: Buffer = Buffer.alloc(0)
  let at = from
  for (let read = at; ;) {
    const { bytesRead } = await guarded('reading a comparison', () => file.read(chunk, 0, readBytes, read))
    if (bytesRead === 0) break
    read += bytesRead
    held = Buffer.concat([held, chunk.subarray(0, bytesRead)])
    let begin = 0
    for (let end = held.indexOf(10); end !== -1; end = held.indexOf(10, begin)) {
      at += end + 1 - begin
      if (wants?.(held, begin) !== false) yield { row: JSON.parse(held.toString('utf8', begin, end)) as T, end: at }
      begin = end + 1
    }
    held = held.subarray(begin)
  }
}
