import { below, logKey, scan, type Store } from '../../state/store.ts'
import { agentLog, words, type EventType, type ReplicationEvent } from './events.ts'

/** What is kept of each agent's log: whichever is less. */
const kept = { lines: 10_000, days: 30 }
const batch = 1000

/** One line of an agent's log: the words of the process's own log, and what was known when they were said. */
export interface LogLine {
  /** RFC 3339, UTC. */
  readonly at: string
  readonly level: (typeof levels)[number]
  readonly message: string
  readonly actor?: string
  readonly command?: string
  readonly target?: string
  readonly traceId?: string
  readonly fields: Readonly<Record<string, unknown>>
}

export const levels = ['info', 'warn', 'error'] as const

/** Which lines. */
export interface Wanted {
  /** These and more important ones. */
  readonly level?: LogLine['level']
  /** RFC 3339: from then on, and before then. */
  readonly since?: string
  readonly until?: string
  readonly command?: string
  readonly target?: string
}

/** By the clocks of servers, which may differ by this, lines are in order. */
const clocksMs = 60_000

/** Newest first. `before`: the number of the last line on the page before. */
export async function listLog(
  store: Store,
  agent: string,
  { before, limit, ...wanted }: Wanted & { readonly before?: number; readonly limit: number },
): Promise<{ items: LogLine[]; next?: number }> {
  const log = agentLog(agent)
  const { from, to } = below(`${log}/`)
  const range = { from, to: before === undefined ? to : logKey(log, before), reverse: true }
  const admits = filterOf(wanted)
  const earliest = wanted.since === undefined ? -Infinity : Date.parse(wanted.since) - clocksMs
  const items: LogLine[] = []
  let last = 0
  const isAll = Object.keys(wanted).length === 0
  for await (const { key, value } of scan<ReplicationEvent>(store, range, isAll ? limit + 1 : undefined)) {
    if (Date.parse(value.at) < earliest) break
    if (!admits(value)) continue
    if (items.length === limit) return { items, next: last }
    items.push(lineOf(value))
    last = numberOf(log, key)
  }
  return { items }
}

function filterOf({ level = 'info', since, until, command, target }: Wanted): (event: ReplicationEvent) => boolean {
  const least = levels.indexOf(level)
  const [from, to] = [
    since === undefined ? -Infinity : Date.parse(since),
    until === undefined ? Infinity : Date.parse(until),
  ]
  return (event) => {
    const at = Date.parse(event.at)
    if (at < from || at >= to) return false
    if (command !== undefined && event.command !== command) return false
    if (target !== undefined && event.target !== target) return false
    return levels.indexOf(levelOf(event)) >= least
  }
}

function lineOf(event: ReplicationEvent): LogLine {
  const { type, at, agent: _, data = {}, ...who } = event
  return { at, level: levelOf(event), message: words[type], ...who, fields: { ...data } }
}

const failures = new Set<EventType>(['export.failed', 'delivery.failed', 'trigger.failed', 'queue.blocked'])
const troubles = new Set<EventType>([
  ...(['export.retrying', 'delivery.retrying', 'delivery.skipped', 'trigger.missed', 'trigger.waiting'] as const),
])

export function levelOf({ type, data }: ReplicationEvent): LogLine['level'] {
  // While it is to be tried again nothing is lost.
  if (type === 'hook.failed') return data !== undefined && 'nextAttemptAt' in data ? 'warn' : 'error'
  if (failures.has(type)) return 'error'
  return troubles.has(type) ? 'warn' : 'info'
}

/** Forgets the oldest lines of each agent, of deleted ones too. */
export async function trimAgentLogs(store: Store, most = kept, now = Date.now()): Promise<void> {
  const since = new Date(now - most.days * 24 * 3_600_000).toISOString()
  const all = below(agentLog(''))
  for (let { from } = all; ;) {
    const [first] = await store.range({ from, to: all.to, limit: 1 })
    if (first === undefined) return
    const log = first.key.slice(0, first.key.lastIndexOf('/'))
    await trim(store, log, since, most.lines)
    from = below(`${log}/`).to
  }
}

async function trim(store: Store, log: string, since: string, lines: number): Promise<void> {
  const last = await store.last(log)
  for (;;) {
    const oldest = await store.range<ReplicationEvent>({ ...below(`${log}/`), limit: batch })
    const gone = oldest.filter(({ key, value }) => numberOf(log, key) <= last - lines || value.at < since)
    if (gone.length > 0) await store.commit({ writes: gone.map(({ key }) => ({ delete: key })) })
    if (gone.length < batch) return
  }
}

function numberOf(log: string, key: string): number {
  return Number(key.slice(log.length + 1))
}
