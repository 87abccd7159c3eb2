import { divergedKey, headOf, headsOf, normalRank, pausedKey, rankOf, sizeKey } from '../../queues/lanes.ts'
import type { Divergence, LaneId, PlacedItem } from '../../queues/lanes.ts'
import { below, scan, type Store } from '../../state/store.ts'
import { deliveryKey, type Delivery } from '../commands/records.ts'
import { driftStates, type DriftRecord } from '../comparisons/drift.ts'
import { driftKey } from '../comparisons/records.ts'
import { limitAt, type Bandwidth } from '../config/bandwidth.ts'
import { queuesOf } from '../config/config.ts'
import type { StoredConfig } from '../config/record.ts'
import { blockedAfter, failuresOf } from '../queues/blocking.ts'
import { Gauges, type Family, type Standing } from './series.ts'
import { LoopShare } from '../../threads/loop-share.ts'

/** How a queue, and the target behind it, stand at one moment; times in ms since the epoch. */
interface QueueFacts extends LaneId {
  readonly size: number
  readonly parked: number
  readonly oldestAt: number | undefined
  readonly attempts: number
  readonly blocked: boolean
  readonly paused: boolean
  /** Since when the target lacks something that was asked for. */
  readonly lacksSince: number | undefined
  readonly drift: DriftRecord | undefined
  /** Bytes a second, where its target has a limit now. */
  readonly limit: number | undefined
}

/** What every server of an installation sees alike. */
export interface Walk {
  /** When it began, by the clock of `performance`: what came later it may not have seen. */
  readonly knownAt: number
  readonly standing: Standing
  readonly families: readonly Family[]
}

interface Lane {
  readonly lane: LaneId
  readonly isPassive: boolean
  readonly enabled: boolean
  readonly bandwidth: Bandwidth | undefined
}

/** So many heads are asked for at the same time. */
const together = 8

/**
 * Looks once at all queues of all agents, a page at a time: an empty queue costs no look of its own. Throws `unavailable` as the
 * Store does.
 */
export async function walkQueues(store: Store): Promise<Walk> {
  const turns = new LoopShare()
  const knownAt = performance.now()
  const at = Date.now()
  const sizes = await byKey<number>(store, 'size/', turns)
  const pauses = await byKey<unknown>(store, 'paused/', turns)
  const marks = await byKey<Divergence>(store, 'diverged/', turns)
  const drifts = await byKey<DriftRecord>(store, 'drift/', turns)
  const standing = new Map<string, ReadonlySet<string>>()
  const facts: QueueFacts[] = []
  let lanes: Lane[] = []
  const look = async (): Promise<void> => {
    const heads = await headsFor(
      store,
      lanes.map(({ lane }) => lane),
      sizes,
    )
    for (const { lane, isPassive, enabled, bandwidth } of lanes) {
      const head = heads.get(sizeKey(lane))
      const parkedLane = errorLane(lane)
      const mark = marks.get(divergedKey(lane))
      const since = [head?.oldestAt, heads.get(sizeKey(parkedLane))?.oldestAt, mark && Date.parse(mark.since)]
      const lacks = since.filter((time) => time !== undefined)
      const paused = pauses.has(pausedKey(lane.agent)) || pauses.has(pausedKey(lane.agent, lane.queue))
      facts.push({
        ...lane,
        ...{ size: sizes.get(sizeKey(lane)) ?? 0, parked: sizes.get(sizeKey(parkedLane)) ?? 0 },
        ...{ oldestAt: head?.oldestAt, attempts: head?.delivery?.attempts ?? 0, paused: paused || !enabled },
        blocked: !paused && !isPassive && head?.delivery !== undefined && failuresOf(head.delivery) >= blockedAfter,
        ...{ lacksSince: lacks.length === 0 ? undefined : Math.min(...lacks) },
        drift: isPassive ? undefined : drifts.get(driftKey(lane.agent, lane.queue)),
        limit: limitAt(bandwidth, new Date(at)),
      })
    }
    lanes = []
    await turns.giveWay()
  }
  for await (const { value } of scan<StoredConfig>(store, below('config/'), 100)) {
    const { config } = value
    const queues = queuesOf(config)
    standing.set(config.name, new Set(queues))
    for (const [i, queue] of queues.entries())
      lanes.push({
        lane: { agent: config.name, queue },
        isPassive: config.passive.includes(queue),
        enabled: config.enabled,
        bandwidth: config.targets[i]?.bandwidth,
      })
    if (lanes.length >= together) await look()
    else await turns.giveWay()
  }
  await look()
  return { knownAt, standing, families: familiesOf(facts, at) }
}

async function byKey<V>(store: Store, prefix: string, turns: LoopShare): Promise<Map<string, V>> {
  const found = new Map<string, V>()
  for await (const { key, value } of scan<V>(store, below(prefix))) {
    found.set(key, value)
    await turns.giveWay()
  }
  return found
}

function errorLane({ agent, queue }: LaneId): LaneId {
  return { agent, queue: `error-${queue}` }
}

interface Head {
  readonly oldestAt: number
  readonly delivery?: Delivery
}

/** Of those of the lanes, and of their error queues, that hold anything; by the key of their size. */
async function headsFor(
  store: Store,
  lanes: readonly LaneId[],
  sizes: ReadonlyMap<string, number>,
): Promise<Map<string, Head>> {
  const full = lanes.flatMap((lane) => [lane, errorLane(lane)]).filter((lane) => sizes.has(sizeKey(lane)))
  const items = await Promise.all(full.map((lane) => firstOf(store, lane)))
  const found = full.flatMap((lane, i) => (items[i] === undefined ? [] : [{ lane, ...items[i] }]))
  const keys = found.map(({ lane, head }) => deliveryKey(head.value.command, lane.agent, head.value.target))
  const deliveries = keys.length === 0 ? [] : await store.getAll<Delivery>(keys)
  return new Map(
    found.map(({ lane, oldestAt }, i) => {
      const delivery = deliveries[i]?.value
      return [sizeKey(lane), { oldestAt, ...(delivery !== undefined && { delivery }) }]
    }),
  )
}

async function firstOf(store: Store, lane: LaneId): Promise<{ head: PlacedItem; oldestAt: number } | undefined> {
  const head = await headOf(store, lane)
  if (head === undefined) return undefined
  // An urgent one has overtaken older ones.
  const heads = rankOf(head) === normalRank ? [head] : await headsOf(store, lane)
  return { head, oldestAt: Math.min(...heads.map(({ value }) => Date.parse(value.enqueuedAt))) }
}

function familiesOf(facts: readonly QueueFacts[], at: number): Family[] {
  const gauge = (name: string, help: string, of: (one: QueueFacts) => number | undefined): Family =>
    new Gauges(
      name,
      help,
      (function* () {
        for (const one of facts) {
          const value = of(one)
          if (value !== undefined) yield [{ agent: one.agent, target: one.queue }, value] as const
        }
      })(),
    )
  const age = (since: number | undefined): number => (since === undefined ? 0 : Math.max(0, at - since) / 1000)
  const time = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Date.parse(text) / 1000
  return [
    gauge('trebuchet_queue_size', 'Items in the queue, the one in delivery included.', ({ size }) => size),
    gauge(
      'trebuchet_queue_oldest_age_seconds',
      'How long ago the oldest item of the queue was accepted; 0 while it is empty.',
      ({ oldestAt }) => age(oldestAt),
    ),
    gauge(
      'trebuchet_queue_head_attempts',
      'Tries begun to deliver the item at the head of the queue; 0 while it is empty.',
      ({ attempts }) => attempts,
    ),
    gauge(
      'trebuchet_queue_blocked',
      `1 while the head of the queue has failed ${blockedAfter} times or more.`,
      ({ blocked }) => Number(blocked),
    ),
    gauge(
      'trebuchet_queue_paused',
      '1 while the queue stands still because somebody wants it so: paused, or its agent paused or disabled.',
      ({ paused }) => Number(paused),
    ),
    gauge(
      'trebuchet_target_bandwidth_limit_bytes_per_second',
      'How fast packages are sent to the target now; there while it is limited.',
      ({ limit }) => limit,
    ),
    gauge('trebuchet_error_queue_size', 'Items that lie in the error queue of the target.', ({ parked }) => parked),
    gauge(
      'trebuchet_target_freshness_seconds',
      'How long the target has lacked something it was to get: since the oldest item in its queue or error queue was accepted, or one was skipped; 0 while it has all. What the source has changed and nobody has replicated does not count.',
      ({ lacksSince }) => age(lacksSince),
    ),
    gauge(
      'trebuchet_target_drift',
      'How a target stood when it was last compared as a whole: 0 in sync, 1 behind, 2 diverged. Absent before that.',
      ({ drift }) => drift && driftStates.indexOf(drift.state),
    ),
    gauge(
      'trebuchet_target_compared_timestamp_seconds',
      'When the target was last compared as a whole. Absent before that.',
      ({ drift }) => time(drift?.at),
    ),
    gauge(
      'trebuchet_target_equal_timestamp_seconds',
      'When a comparison of the whole last found source and target equal. Absent before that.',
      ({ drift }) => time(drift?.equalAt),
    ),
  ]
}
