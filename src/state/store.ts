/**
 * The Store: an ordered key-value store with atomic, conditional batches. Everything that must not be lost is in it,
 * save the bytes of packages. Everything with a meaning (order, retries, leases, history) is written above it, once.
 *
 * Keys are ASCII text of at most 600 characters, by convention parts joined with `/`; they are ordered by their bytes.
 * Values are JSON.
 */
export interface Store {
  /** The entry at the key, or undefined. Sees every commit that was answered before, by any server. */
  get<V = unknown>(key: string): Promise<Entry<V> | undefined>
  /** Several at once, in the order asked for; one consistent view where the engine can give it. */
  getAll<V = unknown>(keys: readonly string[]): Promise<(Entry<V> | undefined)[]>
  /** One page of the entries with `from <= key < to`, in key order, or against it with `reverse`. */
  range<V = unknown>(range: Range): Promise<Entry<V>[]>
  /**
   * Does all of the writes or none. Answers once they are durable, or `{ ok: false, failed }` with the key of the first
   * check that did not hold. Throws `unavailable` when the outcome is not known or nothing can be written now.
   */
  commit(batch: Batch): Promise<Committed>
  /**
   * The entries of a log behind sequence `after`, those to come included, in order, without gap or repeat, until
   * `signal` aborts. It holds no more than a page in memory however slowly it is read. Throws `unavailable` when it cannot
   * begin; once it has begun, a state that is away holds it up and does not end it.
   */
  follow<V = unknown>(log: string, after: number, signal: AbortSignal): AsyncIterable<LogEntry<V>>
  /** The sequence that the log's newest entry has (0: it never had any). */
  last(log: string): Promise<number>
  /** Waits for the commits under way. From then on every call throws `unavailable`, and so does every follower that waits. */
  close(): Promise<void>
}

export interface Entry<V> {
  readonly key: string
  readonly value: V
  /** Opaque; differs whenever the value does. For checks. */
  readonly version: string
}

export interface LogEntry<V> extends Entry<V> {
  readonly sequence: number
}

export interface Range {
  readonly from: string
  readonly to: string
  readonly reverse?: boolean
  /** At most so many entries in one page. */
  readonly limit: number
}

export interface Batch {
  readonly checks?: readonly Check[]
  readonly writes: readonly Write[]
}

export type Check =
  /** The entry has this version still; null: there is none. */
  | { readonly key: string; readonly version: string | null }
  /** The counter is at most this, before the batch. */
  | { readonly key: string; readonly atMost: number }

export type Write =
  | { readonly put: string; readonly value: unknown }
  | { readonly delete: string }
  /** Adds to a counter: an entry whose value is an integer, 0 when absent. At 0 the entry is removed. */
  | { readonly add: string; readonly amount: number }
  /**
   * Puts the value at the key `<log>/<sequence>`, where the sequence is the log's next, never used before, also after
   * deletes; in keys it has 16 digits, so that key order is log order. `index` is a key at which the new key is put.
   */
  | { readonly append: string; readonly value: unknown; readonly index?: string }

export type Committed =
  | { readonly ok: true; /** The keys made by appends, in their order. */ readonly appended: readonly string[] }
  | { readonly ok: false; readonly failed: string }

/** The key of one entry of a log. */
export function logKey(log: string, sequence: number): string {
  return `${log}/${String(sequence).padStart(16, '0')}`
}

/**
 * The key at which a log's last sequence is kept: an entry like any other (an integer), so that a copy of all entries is
 * a copy of the store. Whoever removes a log for good removes it too. It sorts behind all keys that begin with a letter.
 */
export function sequenceKey(log: string): string {
  return `~sequence/${log}`
}

/** The range of all keys that begin with `prefix`. */
export function below(prefix: string): { from: string; to: string } {
  return { from: prefix, to: `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}` }
}

/** All entries of a range, a page at a time. */
export async function* scan<V>(
  store: Store,
  range: Omit<Range, 'limit'>,
  pageSize = 256,
): AsyncGenerator<Entry<V>, void, void> {
  let { from, to } = range
  for (;;) {
    const page = await store.range<V>({ ...range, from, to, limit: pageSize })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < pageSize) return
    if (range.reverse === true) to = last.key
    else from = `${last.key}\0`
  }
}
