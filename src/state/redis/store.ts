import { hash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ReplicationError } from '../../errors.ts'
import { Bell } from '../bell.ts'
import { outsideCalls } from '../patience.ts'
import { toText, type TextBatch } from '../plan.ts'
import {
  logKey,
  sequenceKey,
  type Batch,
  type Committed,
  type Entry,
  type LogEntry,
  type Range,
  type Store,
} from '../store.ts'
import { Asking, type Deadline } from './asking.ts'
import type { RedisClients } from './clients.ts'
import { Feed } from './feed.ts'
import { Rounds, type CommitReply } from './replicas.ts'
import { commitScript, rangeScript } from './scripts.ts'

/** What a follower reads at once: at most so many entries, and no more once they have so many characters. */
const page = { entries: 256, chars: 1_000_000 }
const reading = { repeated: true }
/** How long a follower waits that could not look. */
const pauseMs = 200

export interface SharedOptions {
  /** How many replicas must have a commit before it is answered, so that a failover does not lose it. */
  readonly replicas?: number
  /** A store of its own, beside the one of the servers. */
  readonly space?: string
}

/** The names of what holds a store. */
export function keysOf(prefix: string, space = 'store'): { readonly keys: string; readonly values: string } {
  return { keys: `${prefix}:${space}:keys`, values: `${prefix}:${space}:values` }
}

/**
 * The Store on Redis, shared by any number of servers. A commit is one script, so it is whole or not at all, and is
 * answered when Redis has it as durably as its settings say. Nothing is sent twice: when a connection breaks under a
 * commit, its outcome is not known, and that is what its caller hears. Every call ends within two seconds.
 */
export function openShared(clients: RedisClients, options: SharedOptions = {}): Store {
  return new SharedStore(clients, options.replicas ?? 0, options.space)
}

interface Page<V> {
  readonly entries: Entry<V>[]
  /** There may be more behind it. */
  readonly full: boolean
}

class SharedStore implements Store {
  readonly #clients: RedisClients
  readonly #keys: string
  readonly #values: string
  readonly #appended = new Bell()
  readonly #feed: Feed
  readonly #reads: Asking
  readonly #news: Asking
  readonly #commits: Asking
  readonly #rounds: Rounds | undefined
  #closed = false

  constructor(clients: RedisClients, replicas: number, space: string | undefined) {
    this.#clients = clients
    const { keys, values } = keysOf(clients.prefix, space)
    this.#keys = keys
    this.#values = values
    this.#feed = new Feed(clients.feed, `${clients.prefix}:store:feed`, this.#appended)
    this.#reads = new Asking(clients.callers, clients.tally)
    this.#news = new Asking(clients.feed)
    this.#commits = replicas === 0 ? this.#reads : new Asking(clients.commits, clients.tally)
    this.#rounds = replicas === 0 ? undefined : new Rounds(clients.commits, replicas)
  }

  async get<V>(key: string): Promise<Entry<V> | undefined> {
    const text = await this.#reads.ask(() => this.#clients.callers.hget(this.#values, key), reading)
    return text === null ? undefined : entryOf(key, text)
  }

  async getAll<V>(keys: readonly string[]): Promise<(Entry<V> | undefined)[]> {
    const words = [this.#values, ...keys]
    const texts = await this.#reads.ask(
      () => (keys.length === 0 ? [] : this.#clients.callers.call('HMGET', words)),
      reading,
    )
    return keys.map((key, i) => {
      const text = (texts as (string | null)[])[i] ?? null
      return text === null ? undefined : entryOf(key, text)
    })
  }

  async range<V>(range: Range): Promise<Entry<V>[]> {
    return (await this.#page<V>(range, Infinity)).entries
  }

  async last(log: string): Promise<number> {
    return (await this.get<number>(sequenceKey(log)))?.value ?? 0
  }

  async commit(batch: Batch): Promise<Committed> {
    const words = [this.#keys, this.#values, this.#feed.key, ...wordsOf(toText(batch))]
    const [outcome, ...said] = await this.#commits.ask((deadline) => this.#send(words, deadline), { awaited: true })
    if (outcome === 1) return { ok: true, appended: said }
    const [word = ''] = said
    if (outcome === 0) return { ok: false, failed: word }
    throw new ReplicationError('invalid', word)
  }

  async *follow<V>(log: string, after: number, signal: AbortSignal): AsyncGenerator<LogEntry<V>, void, void> {
    await this.#news.ask(() => this.#feed.open(), reading)
    // Whoever appends behind a look into the log rings; so the bell is heard from before that look.
    let ring = this.#appended.wait(log, signal)
    for (let seen = after; !signal.aborted;) {
      const { entries, full } = await this.#look<V>(log, seen, signal)
      for (const entry of entries) {
        if (signal.aborted) return
        seen = Number(entry.key.slice(-16))
        yield { ...entry, sequence: seen }
      }
      // Whatever came behind that page has rung.
      if (full) continue
      await ring
      ring = this.#appended.wait(log, signal)
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([this.#reads, this.#news, this.#commits].map((asking) => asking.close()))
    this.#feed.close()
  }

  #send(words: readonly string[], deadline: Deadline): Promise<CommitReply> {
    const rounds = this.#rounds
    const sent =
      rounds === undefined
        ? commitScript.run(this.#clients.callers, words, deadline)
        : commitScript.run(this.#clients.commits, words, deadline, (send) =>
            rounds.commit(send as () => Promise<CommitReply>, deadline),
          )
    return sent as Promise<CommitReply>
  }

  async #page<V>({ from, to, reverse = false, limit }: Range, chars: number, signal?: AbortSignal): Promise<Page<V>> {
    if (from >= to) return { entries: [], full: false }
    const most = chars === Infinity ? '1e15' : String(chars)
    const words = [this.#keys, this.#values, from, to, reverse ? 'reverse' : '', String(limit), most]
    const found = (await this.#reads.ask(
      (deadline) => rangeScript.run(this.#clients.callers, words, deadline),
      signal === undefined ? reading : { ...reading, signal },
    )) as string[]
    const entries: Entry<V>[] = []
    let bytes = 0
    for (let i = 0; i < found.length; i += 2) {
      const [key = '', text = ''] = [found[i], found[i + 1]]
      entries.push(entryOf(key, text))
      bytes += Buffer.byteLength(text)
    }
    return { entries, full: entries.length === limit || bytes >= chars }
  }

  /** What a follower finds next. An outage holds it up: what came meanwhile is there afterwards. */
  async #look<V>(log: string, seen: number, signal: AbortSignal): Promise<Page<V>> {
    const range = { from: logKey(log, seen + 1), to: `${log}/:`, limit: page.entries }
    for (;;)
      try {
        // It outlives the call that began it, and has patience of its own.
        return await outsideCalls(() => this.#page<V>(range, page.chars, signal))
      } catch (error) {
        if (signal.aborted) return { entries: [], full: false }
        if (this.#closed) throw error
        await delay(pauseMs, undefined, { signal }).catch(() => undefined)
      }
  }
}

/** As scripts.ts takes them. */
function wordsOf({ checks, writes }: TextBatch): string[] {
  const words = [String(checks.length)]
  for (const check of checks)
    if ('atMost' in check) words.push('atMost', check.key, String(check.atMost))
    else if (check.version === null) words.push('none', check.key, '')
    else words.push('is', check.key, check.version)
  for (const write of writes)
    if ('put' in write) words.push('put', write.put, write.text, '')
    else if ('delete' in write) words.push('delete', write.delete, '', '')
    else if ('add' in write) words.push('add', write.add, String(write.amount), '')
    else words.push('append', write.append, write.text, write.index ?? '')
  return words
}

function entryOf<V>(key: string, text: string): Entry<V> {
  return { key, value: JSON.parse(text) as V, version: hash('sha1', text) }
}
