import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { dequeue, headOf, itemOf, leaseKey, standingOf, type LaneId, type Lease } from '../../queues/lanes.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Entry } from '../../state/store.ts'
import { advance, type Progress, type Step } from '../commands/advance.ts'
import type { Author } from './item-verbs.ts'
import type { Parts } from '../parts.ts'
import { countDelivered } from '../throughput.ts'
import { partOf } from '../commands/part.ts'
import {
  anotherTry,
  deliveryKey,
  packageKey,
  type Command,
  type Delivery,
  type PackageRecord,
} from '../commands/records.ts'

/** What is handed out: the head's package, or the next of its parts. */
export interface Pulled {
  readonly item: string
  readonly package: PackageId
  /** Of a tree in several packages: which of them, from 1, of how many. */
  readonly part?: { readonly number: number; readonly of: number }
  /** Apply only what lies within these. Absent: all of it. */
  readonly paths?: readonly ResourcePath[]
  /** Tells this lease from those before it: whoever acknowledges with it is heard only while nobody has pulled since. */
  readonly lease: number
  /** What it belongs to: the package itself, or the index of its parts. */
  readonly of: { readonly command: Command; readonly whole: PackageId }
}

/** Nothing to hand out now; `againMs` is when the head's lease ends, where it has one. */
export interface Nothing {
  readonly againMs?: number
}

export interface Ask {
  readonly leaseMs: number
  readonly actor: string
  /** Whoever has the same one may pull again what is leased to him: he has forgotten it. */
  readonly holder?: string
}

/**
 * Leases the head of a passive queue to whoever asks. It keeps its place, so that nothing overtakes it: while it is
 * leased nobody else gets anything, and what is not acknowledged in time is offered again, first.
 */
export async function pull(parts: Parts, lane: LaneId, { leaseMs, actor, holder }: Ask): Promise<Pulled | Nothing> {
  const { store } = parts
  for (;;) {
    const [{ paused }, item] = await Promise.all([standingOf(store, lane), headOf(store, lane)])
    if (paused || item === undefined) return {}
    const id = item.value.command
    let outcome: Pulled | Nothing | undefined
    const next = async (
      { entry, command }: Progress,
      [found, held]: readonly (Entry<unknown> | undefined)[],
    ): Promise<Step | undefined> => {
      const was = found as Entry<Delivery> | undefined
      const lease = held as Entry<Lease> | undefined
      if (was === undefined || entry.stage !== 'ready' || entry.package === undefined) return void (outcome = {})
      const now = Date.now()
      const current = lease?.value.command === id ? lease.value : undefined
      // Something more urgent may have come before the item that is leased: it waits for its turn, and so does whoever pulls.
      const leftMs = lease === undefined ? 0 : Date.parse(lease.value.until) - now
      const forgotten = current !== undefined && holder !== undefined && holder === current.holder
      if (leftMs > 0 && !forgotten) return void (outcome = { againMs: leftMs })
      const number = (lease?.value.number ?? 0) + 1
      outcome = { item: id, lease: number, ...(await contentOf(parts, command, entry.package, was.value)) }
      const begun = anotherTry(was.value, new Date(now).toISOString())
      const until = new Date(now + leaseMs).toISOString()
      const lapsed = current !== undefined && {
        error: {
          code: 'unavailable' as const,
          detail: `it was pulled by ${current.actor} and not acknowledged in time`,
        },
      }
      return {
        checks: [
          { key: item.key, version: item.version },
          { key: leaseKey(lane), version: lease?.version ?? null },
        ],
        writes: [
          {
            put: leaseKey(lane),
            value: { command: id, number, until, actor, ...(holder !== undefined && { holder }) } satisfies Lease,
          },
        ],
        deliveries: [
          {
            was,
            is: {
              ...was.value,
              ...lapsed,
              ...begun,
              state: lapsed ? 'retrying' : 'delivering',
              leasedUntil: until,
            },
          },
        ],
        events: [{ type: 'delivery.started', target: lane.queue, actor, data: { attempt: begun.attempts } }],
      }
    }
    const keys = [deliveryKey(id, lane.agent, lane.queue), leaseKey(lane)]
    const done = await advance(store, id, lane.agent, next, keys)
    // Otherwise somebody was faster with the same head: look again.
    if (done !== undefined && outcome !== undefined) return outcome
    if (done === undefined && outcome !== undefined && !('item' in outcome)) return outcome
  }
}

/**
 * The word of whoever pulled the item that it has been applied: its target is then `delivered`, or its next part comes. With
 * `lease` it is heard only while nobody has pulled the item since; without, while the item has a lease or had the last one.
 * Answers false when the item was never pulled. Throws `missing`, and `conflict` when the lease has passed on.
 */
export async function acknowledge(
  parts: Parts,
  lane: LaneId,
  id: string,
  lease: number | undefined,
  { actor }: Author,
): Promise<boolean> {
  for (;;) {
    const item = await itemOf(parts.store, lane, id)
    if (item === undefined) throw new ReplicationError('missing', `queue ${lane.queue} has no item ${id}`)
    let pulled = false
    const next = async (
      { entry, command }: Progress,
      [found, held]: readonly (Entry<unknown> | undefined)[],
    ): Promise<Step | undefined> => {
      const was = found as Entry<Delivery> | undefined
      const current = held as Entry<Lease> | undefined
      if (was === undefined || entry.package === undefined || current?.value.command !== id) {
        if (lease === undefined) return undefined
        throw new ReplicationError('conflict', `item ${id} is not leased`)
      }
      pulled = true
      if (lease !== undefined && lease !== current.value.number)
        throw new ReplicationError('conflict', `the lease of item ${id} has passed to ${current.value.actor}`)
      const { part, package: given } = await contentOf(parts, command, entry.package, was.value)
      const record = (await parts.store.get<PackageRecord>(packageKey(given)))?.value
      const before = was.value.applied ?? { parts: 0, entries: 0, bytes: 0 }
      const applied = {
        parts: before.parts + 1,
        entries: before.entries + (record?.entries ?? 0),
        bytes: before.bytes + (record?.bytes ?? 0),
      }
      const { leasedUntil: _lease, ...unleased } = was.value
      const at = new Date().toISOString()
      const checks = [{ key: current.key, version: current.version }]
      const writes = [{ delete: current.key }]
      if (part !== undefined && part.number < part.of)
        return { checks, writes, deliveries: [{ was, is: { ...unleased, applied } }] }
      const { queue: _, error: _error, ...delivery } = unleased
      const out = dequeue(lane, item)
      const tries = delivery.tries.map((one) => (one.attempt === delivery.attempts ? { ...one, finishedAt: at } : one))
      const { entries, bytes } = applied
      const receipt = {
        ...{ delivery: `${id}/${lane.agent}/${lane.queue}`, package: entry.package, entries, bytes, appliedAt: at },
        detail: { actor },
      }
      return {
        checks: [...checks, ...out.checks],
        writes: [...writes, ...out.writes, ...countDelivered(lane.agent, applied)],
        deliveries: [{ was, is: { ...delivery, state: 'delivered', tries, receipt, finishedAt: at } }],
        events: [{ type: 'delivery.delivered', target: lane.queue, actor, data: { attempts: delivery.attempts } }],
      }
    }
    const keys = [deliveryKey(id, lane.agent, lane.queue), leaseKey(lane)]
    const done = await advance(parts.store, id, lane.agent, next, keys)
    if (done !== undefined) return true
    if (!pulled) return false
  }
}

async function contentOf(
  { store }: Parts,
  command: Command,
  id: PackageId,
  { applied }: Delivery,
): Promise<Omit<Pulled, 'item' | 'lease'>> {
  const record = (await store.get<PackageRecord>(packageKey(id)))?.value
  if (record === undefined) throw new ReplicationError('missing', `there is no package ${id}`)
  const asked = partOf(command, record)
  const of = { command, whole: id }
  if (record.parts === undefined) return { package: id, of, ...asked }
  const done = applied?.parts ?? 0
  return {
    package: record.parts[done] ?? id,
    part: { number: done + 1, of: record.parts.length },
    ...{ of, ...asked },
  }
}
