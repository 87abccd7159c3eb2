import { below, scan, type Check, type Entry, type Store, type Write } from '../../state/store.ts'
import { configKey, knownKey, revisionKey, type StoredConfig, type StoredRevision } from '../config/record.ts'
import { historyDefaults, type AgentConfig } from '../config/config.ts'
import { agentsOf } from '../commands/command.ts'
import { revertedKey } from '../commands/incidents.ts'
import {
  commandKey,
  deliveryKey,
  doneCountKey,
  doneCountPrefix,
  donePrefix,
  entryKey,
  forgottenKey,
  historyKey,
  idleKey,
  packageEntriesKey,
  type Command,
  type Forgotten,
  type HistoryEntry,
} from '../commands/records.ts'
import { isAtRest } from '../commands/status.ts'

const dayMs = 24 * 3_600_000
/** Commits at the same time: the Store makes few transactions of them, and lets others in between. */
const page = 32

/**
 * Forgets the history that is older than its agent keeps it, or more than it keeps: finished entries of which nothing is in
 * any queue, those first that ended first; and with the last entry of a command the command. At most about `most` entries;
 * answers whether there is more. An agent of whose history nothing is due costs a few reads.
 */
export async function forgetHistory(store: Store, now: number, most: number, signal: AbortSignal): Promise<boolean> {
  let left = most
  for await (const { key } of scan(store, below(doneCountPrefix))) {
    const agent = key.slice(doneCountPrefix.length)
    const { keepDays, keepEntries } = await keptBy(store, agent)
    // So many days ago that no date can say it is before all that ever ended.
    const until = new Date(Math.max(0, now - keepDays * dayMs)).toISOString()
    for (let limit = 1; !signal.aborted; limit = page) {
      if (left <= 0) return true
      const excess = ((await store.get<number>(key))?.value ?? 0) - keepEntries
      const oldest = await store.range({ ...below(donePrefix(agent)), limit })
      const due = oldest.filter((done, i) => i < excess || placeOf(done).finishedAt < until)
      const gone = await Promise.all(due.map((done) => forget(store, done, now)))
      left -= due.length
      // What is being changed at this moment has time until the next call.
      if (due.length < limit || !gone.includes(true)) break
    }
  }
  return false
}

/** What the agent says now; of one that was deleted, what it said last. */
export async function keptBy(store: Store, agent: string): Promise<AgentConfig['history']> {
  const [config, known] = await store.getAll([configKey(agent), knownKey(agent)])
  if (config !== undefined) return (config.value as StoredConfig).config.history
  if (known === undefined) return historyDefaults
  const last = (known.value as Pick<StoredConfig, 'revision'>).revision - 1
  return (await store.get<StoredRevision>(revisionKey(agent, last)))?.value.config?.history ?? historyDefaults
}

interface Place {
  readonly agent: string
  readonly finishedAt: string
  readonly command: string
}

function placeOf({ key }: Entry<unknown>): Place {
  const [, agent = '', finishedAt = '', command = ''] = key.split('/')
  return { agent, finishedAt, command }
}

/** In one batch, with everything that tells of it. Answers whether it was not changed meanwhile. */
async function forget(store: Store, done: Entry<unknown>, now: number): Promise<boolean> {
  const { agent, command: id, finishedAt } = placeOf(done)
  const [found, asked, others] = await store.getAll([entryKey(id, agent), commandKey(id), forgottenKey(id)])
  const entry = found?.value as HistoryEntry | undefined
  const checks: Check[] = [
    { key: done.key, version: done.version },
    { key: entryKey(id, agent), version: found?.version ?? null },
    { key: forgottenKey(id), version: others?.version ?? null },
  ]
  const writes: Write[] = [{ delete: done.key }, { add: doneCountKey(agent), amount: -1 }]
  if (entry !== undefined && isAtRest(entry) && entry.finishedAt === finishedAt) {
    const { kind, targets, status, package: pkg } = entry
    writes.push({ delete: entryKey(id, agent) }, { delete: historyKey(agent, kind, id) })
    for (const key of [deliveryKey, revertedKey])
      writes.push(...targets.map((target) => ({ delete: key(id, agent, target) })))
    if (pkg !== undefined)
      writes.push({ add: packageEntriesKey(pkg), amount: -1 }, { put: idleKey(new Date(now), pkg), value: true })
    writes.push(
      ...afterwards(id, asked?.value as Command | undefined, { ...(others?.value as Forgotten), [agent]: status }),
    )
  }
  return (await store.commit({ checks, writes })).ok
}

/** The command is kept while one of its agents keeps its part; how the other parts ended is kept with it. */
function afterwards(id: string, command: Command | undefined, forgotten: Forgotten): Write[] {
  const isLast = command === undefined || agentsOf(command).every((agent) => agent in forgotten)
  return isLast
    ? [{ delete: commandKey(id) }, { delete: forgottenKey(id) }]
    : [{ put: forgottenKey(id), value: forgotten }]
}
