import { hash } from 'node:crypto'
import { below, sequenceKey, type Batch, type Check, type Store, type Write } from '../../state/store.ts'
import type { ErrorView } from '../../errors.ts'
import type { AgentConfig, Trigger } from '../config/config.ts'
import { nextTime } from './cron.ts'

/*
 * What the Store keeps of triggers:
 *
 * trigger/<agent>/<trigger>      TriggerMark: how one trigger stands. A schedule's is written with the config, and moved in the
 *                                batch that accepts its command, so that no firing is lost or doubled
 * followers/<agent>              the names of the enabled agents that follow it
 * chained/<agent>/<sequence>     Chained: what those that it follows have delivered and it has not taken up yet, in order
 * trigger-ties                   who tied agents together last: two who do it at the same moment must see each other
 */
export const markKey = (agent: string, trigger: string): string => `trigger/${agent}/${trigger}`
export const followersKey = (agent: string): string => `followers/${agent}`
export const chainedPrefix = 'chained/'
export const chainedLog = (agent: string): string => `${chainedPrefix}${agent}`
export const tiesKey = 'trigger-ties'

export interface TriggerMark {
  /** When a schedule is due next, RFC 3339. */
  readonly nextAt?: string
  readonly lastFiredAt?: string
  /** The newest command that it fired. */
  readonly lastCommand?: string
  /** How many firings the last one made up for, itself included, when it came late. */
  readonly missed?: number
  /** Since when a source is watched. */
  readonly watchingSince?: string
  /** Why its last firing came to nothing, or waits. */
  readonly error?: ErrorView
}

export interface Chained {
  /** Who delivered it. */
  readonly agent: string
  readonly command: string
}

/** The same for the same trigger, wherever it stands in the config: changing one leaves the others as they were. */
export function idOf(trigger: Trigger): string {
  const sorted = Object.entries(trigger).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return hash('sha256', JSON.stringify(sorted), 'base64url').slice(0, 16)
}

export function marksOf(agent: string, triggers: readonly Trigger[]): string[] {
  return triggers.map((trigger) => markKey(agent, idOf(trigger)))
}

/** A disabled agent has none: it fires nothing, and makes up for nothing when it is enabled again. */
function awake(config: AgentConfig | undefined): readonly Trigger[] {
  return config?.enabled === true ? config.triggers : []
}

/** What goes into the batch that replaces one config by another. */
export async function triggerWrites(
  store: Store,
  name: string,
  before: AgentConfig | undefined,
  after: AgentConfig | undefined,
  now = Date.now(),
): Promise<Batch> {
  const had = new Map(awake(before).map((trigger) => [idOf(trigger), trigger]))
  const has = new Map(awake(after).map((trigger) => [idOf(trigger), trigger]))
  const writes: Write[] = []
  for (const id of had.keys()) if (!has.has(id)) writes.push({ delete: markKey(name, id) })
  for (const [id, trigger] of has)
    if (trigger.kind === 'schedule' && !had.has(id)) {
      const nextAt = new Date(nextTime(trigger, now)).toISOString()
      writes.push({ put: markKey(name, id), value: { nextAt } satisfies TriggerMark })
    }
  const followed = await followersWrites(store, name, followedBy(had.values()), followedBy(has.values()))
  return { checks: followed.checks, writes: [...writes, ...followed.writes] }
}

function followedBy(triggers: Iterable<Trigger>): Set<string> {
  return new Set([...triggers].flatMap((trigger) => (trigger.kind === 'after' ? [trigger.agent] : [])))
}

async function followersWrites(
  store: Store,
  name: string,
  had: ReadonlySet<string>,
  has: ReadonlySet<string>,
): Promise<{ checks: Check[]; writes: Write[] }> {
  const changed = [...new Set([...had, ...has])].filter((agent) => had.has(agent) !== has.has(agent))
  const known = await store.getAll<readonly string[]>(changed.map(followersKey))
  const checks: Check[] = []
  const writes: Write[] = []
  for (const [i, agent] of changed.entries()) {
    const others = (known[i]?.value ?? []).filter((follower) => follower !== name)
    const followers = has.has(agent) ? [...others, name].toSorted() : others
    const key = followersKey(agent)
    checks.push({ key, version: known[i]?.version ?? null })
    writes.push(followers.length === 0 ? { delete: key } : { put: key, value: followers })
  }
  return { checks, writes }
}

/** Forgets what an agent has not taken up of those it followed, when it is no more. */
export async function forgetChained(store: Store, agent: string): Promise<void> {
  for (;;) {
    const page = await store.range({ ...below(`${chainedLog(agent)}/`), limit: 1000 })
    const writes: Write[] = page.map(({ key }) => ({ delete: key }))
    if (page.length === 0 && (await store.get(sequenceKey(chainedLog(agent)))) === undefined) return
    await store.commit({ writes: [...writes, { delete: sequenceKey(chainedLog(agent)) }] })
  }
}
