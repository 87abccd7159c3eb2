import { below, logKey, type Store, type Write } from '../state/store.ts'

/** audit/<sequence>: one AuditRecord each. Nothing changes one; the oldest go when they have been kept for long enough. */
const auditLog = 'audit'
const page = 256
const dayMs = 24 * 3_600_000

export interface AuditRecord {
  /** RFC 3339. */
  readonly at: string
  /** The name of who asked; absent where nobody could be told. */
  readonly actor?: string
  /** The id of the token; `admin` for ADMIN_TOKEN, `anonymous` for who is on this machine while there are no credentials. */
  readonly caller?: string
  /** The operation as the OpenAPI document calls it, or method and path where there is none. */
  readonly operation: string
  /** What is named in its address. */
  readonly params?: Readonly<Record<string, string>>
  /** Those that it is about. */
  readonly agents?: readonly string[]
  readonly reason?: string
  /** Where what it has made is to be found. */
  readonly made?: string
  readonly address: string
  readonly userAgent?: string
  readonly requestId: string
  /** The status that was answered. */
  readonly status: number
  /** So many refusals before this one were not written down: too many came at once. */
  readonly omitted?: number
}

export interface AuditEntry extends AuditRecord {
  readonly sequence: number
}

export interface AuditFilter {
  readonly since?: string
  readonly until?: string
  readonly actor?: string
  readonly agent?: string
}

/** Of those whom nobody knows so many refusals are written down in a second, that nobody can fill the disk with them. */
const maxRefusals = 5

/** Who did what: a log of its own, which nothing but its age takes anything from. */
export class Audit {
  readonly #store: Store
  readonly #keepDays: number
  #window = 0
  #refusals = 0
  #omitted = 0

  constructor(store: Store, keepDays = 400) {
    this.#store = store
    this.#keepDays = keepDays
  }

  /** For the batch of what it tells of. */
  write(record: AuditRecord): Write {
    return { append: auditLog, value: record }
  }

  /** Answers when it is durable. Of refusals to who is not known there may be too many; then it is only counted. */
  async add(record: AuditRecord): Promise<void> {
    if (record.caller !== undefined) {
      await this.#store.commit({ writes: [this.write(record)] })
      return
    }
    const window = Math.floor(Date.now() / 1000)
    if (this.#window !== window) this.#refusals = 0
    this.#window = window
    if (++this.#refusals > maxRefusals) {
      this.#omitted++
      return
    }
    const omitted = this.#omitted
    this.#omitted = 0
    await this.#store.commit({ writes: [this.write({ ...record, ...(omitted > 0 && { omitted }) })] })
  }

  /** Newest first. `before`: the sequence of the last one on the page before. */
  async list(
    filter: AuditFilter,
    { before, limit }: { readonly before?: number; readonly limit: number },
  ): Promise<{ items: AuditEntry[]; next?: number }> {
    const { from, to } = below(`${auditLog}/`)
    const items: AuditEntry[] = []
    for (let end = before === undefined ? to : logKey(auditLog, before); ;) {
      const found = await this.#store.range<AuditRecord>({ from, to: end, reverse: true, limit: page })
      for (const { key, value } of found) {
        end = key
        // It is in the order of time, as far as the clocks of several servers agree.
        if (filter.since !== undefined && value.at < wellBefore(filter.since)) return { items }
        if (!fits(filter, value)) continue
        if (items.length === limit) return { items, next: items.at(-1)?.sequence ?? 0 }
        items.push({ sequence: sequenceOf(key), ...value })
      }
      if (found.length < page) return { items }
    }
  }

  /** All that fit, oldest first. */
  async *all(filter: AuditFilter): AsyncGenerator<AuditEntry, void, void> {
    const { from, to } = below(`${auditLog}/`)
    for (let start = from; ;) {
      const found = await this.#store.range<AuditRecord>({ from: start, to, limit: page })
      for (const { key, value } of found) if (fits(filter, value)) yield { sequence: sequenceOf(key), ...value }
      const last = found.at(-1)
      if (last === undefined || found.length < page) return
      start = `${last.key}\0`
    }
  }

  /** Removes what has been kept for long enough. */
  async trim(now = Date.now()): Promise<void> {
    const since = new Date(now - this.#keepDays * dayMs).toISOString()
    for (;;) {
      const oldest = await this.#store.range<AuditRecord>({ ...below(`${auditLog}/`), limit: page })
      const gone = oldest.filter(({ value }) => value.at < since)
      if (gone.length > 0) await this.#store.commit({ writes: gone.map(({ key }) => ({ delete: key })) })
      if (gone.length < page) return
    }
  }
}

/** Clocks of servers may differ by so much. */
const skewMs = 60_000

function wellBefore(since: string): string {
  return new Date(Date.parse(since) - skewMs).toISOString()
}

function fits({ since, until, actor, agent }: AuditFilter, record: AuditRecord): boolean {
  const at = Date.parse(record.at)
  return (
    (since === undefined || at >= Date.parse(since)) &&
    (until === undefined || at <= Date.parse(until)) &&
    (actor === undefined || record.actor === actor) &&
    (agent === undefined || record.agents?.includes(agent) === true)
  )
}

function sequenceOf(key: string): number {
  return Number(key.slice(auditLog.length + 1))
}
