import { hash } from 'node:crypto'
import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { Bell } from '../bell.ts'
import { callMs, patienceMs, waitingFor } from '../patience.ts'
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
import type { RedisClients } from './clients.ts'
import { Feed } from './feed.ts'
import { commitScript, rangeScript } from './scripts.ts'

/** What a follower reads at once: at most so many entries, and no more once they have so many characters. */
const page = { entries: 256, chars: 1_000_000 }

interface Scripts {
  commitBatch(keys: string, values: string, feed: string, ...batch: string[]): Promise<[number, ...string[]]>
  readRange(keys: string, values: string, ...range: string[]): Promise<string[]>
}

export interface SharedOptions {
  /** How many replicas must have a commit before it is answered, so that a failover does not lose it. */
  readonly replicas?: number
}

/**
 * The Store on Redis, shared by any number of servers. A commit is one script, so it is whole or not at all, and is
 * answered when Redis has it as durably as its settings say. Nothing is sent twice: when a connection breaks under a
 * commit, its outcome is not known, and that is what its caller hears. Every call ends within two seconds.
 */
export function openShared(clients: RedisClients, options: SharedOptions = {}): Store {
  return new SharedStore(clients, options.replicas ?? 0)
}

class SharedStore implements Store {
  readonly #redis: Redis & Scripts
  readonly #keys: string
  readonly #values: string
  readonly #replicas: number
  readonly #appended = new Bell()
  readonly #feed: Feed
  readonly #underWay = new Set<Promise<unknown>>()
  #closed = false

  constructor(clients: RedisClients, replicas: number) {
    const redis = clients.callers
    redis.defineCommand('commitBatch', { numberOfKeys: 3, lua: commitScript })
    redis.defineCommand('readRange', { numberOfKeys: 2, lua: rangeScript, readOnly: true })
    this.#redis = redis as Redis & Scripts
    this.#replicas = replicas
    this.#keys = `${clients.prefix}:store:keys`
    this.#values = `${clients.prefix}:store:values`
    this.#feed = new Feed(clients.feed, `${clients.prefix}:store:feed`, this.#appended)
  }

  async get<V>(key: string): Promise<Entry<V> | undefined> {
    const text = await this.#asking(() => this.#redis.hget(this.#values, key))
    return text === null ? undefined : entryOf(key, text)
  }

  async getAll<V>(keys: readonly string[]): Promise<(Entry<V> | undefined)[]> {
    const texts = await this.#asking(() => (keys.length === 0 ? [] : this.#redis.hmget(this.#values, ...keys)))
    return keys.map((key, i) => {
      const text = texts[i] ?? null
      return text === null ? undefined : entryOf(key, text)
    })
  }

  async range<V>(range: Range): Promise<Entry<V>[]> {
    return (await this.#page<V>(range, Infinity)).entries
  }

  async last(log: string): Promise<number> {
    return Number((await this.#asking(() => this.#redis.hget(this.#values, sequenceKey(log)))) ?? 0)
  }

  async commit(batch: Batch): Promise<Committed> {
    const text = toText(batch)
    const [outcome, ...words] = await this.#asking(() => this.#send(text))
    if (outcome === 1) return { ok: true, appended: words }
    const [word = ''] = words
    if (outcome === 0) return { ok: false, failed: word }
    throw new ReplicationError('invalid', word)
  }

  async *follow<V>(log: string, after: number, signal: AbortSignal): AsyncGenerator<LogEntry<V>, void, void> {
    await this.#asking(() => this.#feed.open())
    // Whoever appends behind a look into the log rings; so the bell is heard from before that look.
    let ring = this.#appended.wait(log, signal)
    for (let seen = after; !signal.aborted;) {
      const range = { from: logKey(log, seen + 1), to: `${log}/:`, limit: page.entries }
      const { entries, full } = await this.#page<V>(range, page.chars)
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
    await Promise.allSettled(this.#underWay)
    this.#feed.close()
  }

  async #send({ checks, writes }: TextBatch): Promise<[number, ...string[]]> {
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
    const sent = this.#redis.commitBatch(this.#keys, this.#values, this.#feed.key, ...words)
    if (this.#replicas === 0) return sent
    // Behind the script on the same connection: what it waits for is at least that script's writes.
    const [answer, have] = await Promise.all([sent, this.#redis.wait(this.#replicas, callMs)])
    if (have < this.#replicas)
      throw new Error(`only ${have} of ${this.#replicas} replicas have it; it may still be lost or kept`)
    return answer
  }

  /** `full`: there may be more behind it. */
  async #page<V>(
    { from, to, reverse = false, limit }: Range,
    chars: number,
  ): Promise<{ entries: Entry<V>[]; full: boolean }> {
    if (from >= to) return { entries: [], full: false }
    const words = [from, to, reverse ? 'reverse' : '', String(limit), chars === Infinity ? '1e15' : String(chars)]
    const found = await this.#asking(() => this.#redis.readRange(this.#keys, this.#values, ...words))
    const entries: Entry<V>[] = []
    let bytes = 0
    for (let i = 0; i < found.length; i += 2) {
      const [key = '', text = ''] = [found[i], found[i + 1]]
      entries.push(entryOf(key, text))
      bytes += Buffer.byteLength(text)
    }
    return { entries, full: entries.length === limit || bytes >= chars }
  }

  /** Asks within the time that there is, and waits for the connection only so long, too. */
  async #asking<T>(ask: () => Promise<T> | T): Promise<T> {
    if (this.#closed) throw new ReplicationError('unavailable', 'the store is closed')
    const asked = within(patienceMs(callMs), this.#redis, ask)
    this.#underWay.add(asked)
    try {
      return await waitingFor(asked)
    } catch (cause) {
      throw new ReplicationError('unavailable', `the state in Redis is not available: ${(cause as Error).message}`, {
        cause,
      })
    } finally {
      this.#underWay.delete(asked)
    }
  }
}

/** What was not sent in time is never sent; what was sent and is not answered may have been done. */
async function within<T>(ms: number, redis: Redis, ask: () => Promise<T> | T): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let late = false
  let onReady: (() => void) | undefined
  const ready =
    redis.status === 'ready' ? undefined : new Promise<void>((resolve) => redis.once('ready', (onReady = resolve)))
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      late = true
      reject(new Error(ready === undefined ? `no answer for ${Math.round(ms)} ms` : 'there is no connection'))
    }, ms)
  })
  try {
    const asking = ready === undefined ? ask() : ready.then(() => (late ? timeout : ask()))
    return await Promise.race([asking, timeout])
  } finally {
    clearTimeout(timer)
    if (onReady !== undefined) redis.off('ready', onReady)
  }
}

function entryOf<V>(key: string, text: string): Entry<V> {
  return { key, value: JSON.parse(text) as V, version: hash('sha1', text) }
}
