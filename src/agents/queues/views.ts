import { ReplicationError, type ErrorView } from '../../errors.ts'
import {
  divergedKey,
  headOf,
  sizeOf,
  standingOf,
  type Divergence,
  type LaneId,
  type Pause,
} from '../../queues/lanes.ts'
import type { Store } from '../../state/store.ts'
import { limitAt } from '../config/bandwidth.ts'
import type { Delivery, HistoryEntry } from '../commands/records.ts'
import { blockedAfter, failuresOf } from './blocking.ts'
import { recordsOf } from './item-records.ts'
import type { Agent } from '../roster.ts'

export type QueueState = 'paused' | 'blocked' | 'retrying' | 'running' | 'idle' | 'passive'

export interface QueueSummary {
  readonly name: string
  readonly state: QueueState
  readonly size: number
  readonly oldestAt?: string
  readonly blockedBy?: {
    readonly item: string
    readonly attempts: number
    readonly error: ErrorView
    readonly nextAttemptAt?: string
  }
  readonly pausedBy?: Pause
  readonly diverged?: Divergence
  /** How fast packages are sent to its target now, where that is limited. */
  readonly limitBytesPerSecond?: number
}

/** All queues of an agent, and each error queue that holds something. */
export async function queuesOf(store: Store, agent: Agent): Promise<QueueSummary[]> {
  const errorQueues: string[] = []
  for (const own of agent.queues) {
    const queue = `error-${own}`
    if ((await sizeOf(store, { agent: agent.name, queue })) > 0) errorQueues.push(queue)
  }
  return Promise.all([...agent.queues, ...errorQueues].map((queue) => summarise(store, agent, queue)))
}

/** Throws `missing` for a queue that the agent does not have. */
export async function queueOf(store: Store, agent: Agent, queue: string): Promise<QueueSummary> {
  laneOf(agent, queue)
  return summarise(store, agent, queue)
}

/** Throws `missing` for a queue that the agent does not have. */
export function laneOf(agent: Agent, queue: string): LaneId {
  const target = queue.startsWith('error-') ? queue.slice('error-'.length) : queue
  if (!agent.queues.includes(target)) throw new ReplicationError('missing', `agent ${agent.name} has no queue ${queue}`)
  return { agent: agent.name, queue }
}

async function summarise(store: Store, agent: Agent, name: string): Promise<QueueSummary> {
  const lane = { agent: agent.name, queue: name }
  const [size, head, { paused, pausedBy }, skipped] = await Promise.all([
    sizeOf(store, lane),
    headOf(store, lane),
    standingOf(store, lane),
    store.get<Divergence>(divergedKey(lane)),
  ])
  const limit = limitAt(agent.config.targets.find((target) => target.name === name)?.bandwidth, new Date())
  const marks = {
    ...(pausedBy && { pausedBy }),
    ...(skipped && { diverged: skipped.value }),
    ...(limit !== undefined && { limitBytesPerSecond: limit }),
  }
  if (head === undefined) return { name, state: stateOf(agent, name, paused, undefined, undefined), size, ...marks }
  const [{ delivery, entry } = {}] = await recordsOf(store, agent.name, [head])
  const inErrorQueue = name.startsWith('error-')
  const blockedBy = !inErrorQueue &&
    delivery?.error !== undefined && {
      ...{ item: head.value.command, attempts: delivery.attempts, error: delivery.error },
      ...(delivery.nextAttemptAt !== undefined && { nextAttemptAt: delivery.nextAttemptAt }),
    }
  return {
    ...{ name, state: stateOf(agent, name, paused, delivery, entry), size },
    oldestAt: head.value.enqueuedAt,
    ...(blockedBy && { blockedBy }),
    ...marks,
  }
}

function stateOf(
  agent: Agent,
  queue: string,
  paused: boolean,
  head: Delivery | undefined,
  entry: HistoryEntry | undefined,
): QueueState {
  if (paused) return 'paused'
  if (queue.startsWith('error-') || !agent.targets.includes(queue)) return 'passive'
  if (head === undefined || entry === undefined) return 'idle'
  const failures = failuresOf(head)
  if (failures >= blockedAfter) return 'blocked'
  return failures > 0 ? 'retrying' : 'running'
}
