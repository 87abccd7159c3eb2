import { open, type RootDatabase } from 'lmdb'
import { ReplicationError } from '../errors.ts'
import { Bell } from './bell.ts'
import { prepareFolder } from './folder.ts'
import { plan, toText, versionOf, type Plan, type TextBatch } from './plan.ts'
import {
  logKey,
  sequenceKey,
  type Batch,
  type Committed,
  type Entry,
  type LogEntry,
  type Range,
  type Store,
} from './store.ts'

/** How long one transaction may hold the event loop before the batches that still wait go into the next. */
const groupMs = 4
/** What a follower reads at once: at most so many entries, and no more once they have so many characters. */
const page = { entries: 256, chars: 1_000_000 }

interface Waiting {
  readonly batch: TextBatch
  resolve(committed: Committed): void
  reject(error: unknown): void
}

/**
 * The Store in a folder, on LMDB: an entry is its key's bytes and its value's JSON. One process at a time (lock.ts).
 *
 * Commits are in groups: those that arrive while the disk is busy share the next transaction and its fsync. LMDB orders
 * and syncs its own writes (`overlappingSync` off: what can be read is on the disk), on a thread of libuv's pool, so that
 * the event loop only ever waits for the B-tree. A commit that the disk has not answered within `deadlineMs` is answered
 * with `unavailable`, as is every other until the disk does answer.
 */
export async function openEmbedded(folder: string, deadlineMs = 30_000): Promise<Store> {
  try {
    await prepareFolder(folder)
    const database = open<string, Uint8Array>({
      path: folder,
      noSubdir: false,
      keyEncoding: 'binary',
      encoding: 'string',
      cache: false,
      overlappingSync: false,
      // With it on, a commit that fails also rejects a promise of lmdb's own that nobody has, which ends the process.
      eventTurnBatching: false,
    })
    return new EmbeddedStore(database, deadlineMs)
  } catch (cause) {
    throw new ReplicationError('unavailable', `the state in ${folder} cannot be opened: ${(cause as Error).message}`, {
      cause,
    })
  }
}

class EmbeddedStore implements Store {
  readonly #database: RootDatabase<string, Uint8Array>
  readonly #deadlineMs: number
  readonly #appended = new Bell()
  #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #stalled = false
  #closed = false

  constructor(database: RootDatabase<string, Uint8Array>, deadlineMs: number) {
    this.#database = database
    this.#deadlineMs = deadlineMs
  }

  async get<V>(key: string): Promise<Entry<V> | undefined> {
    return this.#reading(() => this.#entry<V>(key))
  }

  async getAll<V>(keys: readonly string[]): Promise<(Entry<V> | undefined)[]> {
    return this.#reading(() => keys.map((key) => this.#entry<V>(key)))
  }

  async range<V>(range: Range): Promise<Entry<V>[]> {
    return this.#reading(() => this.#page<V>(range, Infinity))
  }

  async last(log: string): Promise<number> {
    return this.#reading(() => this.#entry<number>(sequenceKey(log))?.value ?? 0)
  }

  commit(batch: Batch): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.#mustBeOpen()
      if (this.#stalled) throw unanswered(this.#deadlineMs)
      this.#waiting.push({ batch: toText(batch), resolve, reject })
      this.#writing ??= this.#write()
    })
  }

  async *follow<V>(log: string, after: number, signal: AbortSignal): AsyncGenerator<LogEntry<V>, void, void> {
    for (let seen = after; !signal.aborted;) {
      // Nothing may come between this look and the wait below, or a ring could be missed.
      const found = this.#reading(() =>
        this.#page<V>({ from: logKey(log, seen + 1), to: `${log}/:`, limit: page.entries }, page.chars),
      )
      for (const entry of found) {
        seen = Number(entry.key.slice(-16))
        yield { ...entry, sequence: seen }
        if (signal.aborted) return
      }
      if (found.length === 0) await this.#appended.wait(log, signal)
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#writing
    this.#appended.ringAll()
    // LMDB would wait for its disk for ever, and nothing that was answered needs it to be closed.
    if (!this.#stalled) await this.#database.close()
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stalled) await this.#writeGroup()
    this.#writing = undefined
  }

  /** One transaction for the batches that wait. Rejects never: each of them gets its answer. */
  async #writeGroup(): Promise<void> {
    const group: { readonly from: Waiting; readonly outcome: Plan }[] = []
    const done = this.#transaction(() => {
      const end = performance.now() + groupMs
      do {
        const from = this.#waiting.shift()
        if (from === undefined) return
        const outcome = planFor(from, (key) => this.#database.get(bytes(key)))
        if (outcome === undefined) continue
        group.push({ from, outcome })
        if (outcome.ok) this.#put(outcome.changes)
      } while (performance.now() < end)
    })
    const failure = await this.#within(done)
    if (failure === undefined) {
      for (const { from, outcome } of group) {
        from.resolve(outcome.ok ? { ok: true, appended: outcome.appended } : outcome)
        if (outcome.ok) this.#ring(outcome.appended)
      }
    } else {
      // Without a group the transaction did not even begin, and those that wait would wait for ever.
      if (group.length === 0 || this.#stalled) for (const from of this.#waiting.splice(0)) from.reject(failure)
      for (const { from } of group) from.reject(failure)
    }
  }

  /** Answers why it failed, as a promise that never rejects. A child transaction, so that a throw in it undoes it. */
  async #transaction(work: () => void): Promise<ReplicationError | undefined> {
    try {
      await this.#database.childTransaction(work)
      return undefined
    } catch (cause) {
      return unwritten(await reasonOf(cause))
    } finally {
      // What the disk did write after all is there to be followed.
      if (this.#stalled) this.#appended.ringAll()
      this.#stalled = false
    }
  }

  async #within(done: Promise<ReplicationError | undefined>): Promise<ReplicationError | undefined> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<ReplicationError>((resolve) => {
      timer = setTimeout(() => {
        this.#stalled = true
        resolve(unanswered(this.#deadlineMs))
      }, this.#deadlineMs)
    })
    try {
      return await Promise.race([done, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #put(changes: ReadonlyMap<string, string | undefined>): void {
    for (const [key, text] of changes)
      if (text === undefined) void this.#database.remove(bytes(key))
      else void this.#database.put(bytes(key), text)
  }

  #ring(appended: readonly string[]): void {
    for (const key of appended) this.#appended.ring(key.slice(0, -17))
  }

  #entry<V>(key: string): Entry<V> | undefined {
    const text = this.#database.get(bytes(key))
    return text === undefined ? undefined : entryOf(key, text)
  }

  #page<V>({ from, to, reverse = false, limit }: Range, chars: number): Entry<V>[] {
    if (from >= to) return []
    const found: Entry<V>[] = []
    let length = 0
    const range = reverse
      ? { start: bytes(to), end: bytes(from), exclusiveStart: true, inclusiveEnd: true }
      : { start: bytes(from), end: bytes(to) }
    for (const { key, value } of this.#database.getRange({ ...range, reverse, limit })) {
      found.push(entryOf(Buffer.from(key).toString('latin1'), value))
      length += value.length
      if (length >= chars) break
    }
    return found
  }

  #reading<T>(read: () => T): T {
    this.#mustBeOpen()
    try {
      return read()
    } catch (cause) {
      throw new ReplicationError('unavailable', 'the state cannot be read; the log says why', { cause })
    }
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ReplicationError('unavailable', 'the store is closed')
  }
}

/** Undefined when the batch makes no sense: it alone fails, and has its answer. */
function planFor(from: Waiting, read: (key: string) => string | undefined): Plan | undefined {
  try {
    return plan(from.batch, read)
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error
    from.reject(error)
    return undefined
  }
}

function entryOf<V>(key: string, text: string): Entry<V> {
  return { key, value: JSON.parse(text) as V, version: versionOf(text) }
}

function bytes(key: string): Buffer {
  return Buffer.from(key, 'latin1')
}

/** What lmdb says of a commit that failed comes later than the failure. */
async function reasonOf(error: unknown): Promise<unknown> {
  const { commitError } = error as { commitError?: Promise<unknown> }
  if (commitError === undefined) return error
  return commitError.catch((reason: unknown) => reason)
}

function unwritten(cause: unknown): ReplicationError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new ReplicationError('unavailable', `the state cannot be written (${reason}); is its disk full?`, { cause })
}

function unanswered(deadlineMs: number): ReplicationError {
  return new ReplicationError('unavailable', `the disk of the state has not answered for ${deadlineMs} ms`)
}
