import { ReplicationError, type ErrorCode, type ErrorView } from '../errors.ts'
import type { PackageId } from '../packages/manifest.ts'
import {
  beforeAll,
  divergedKey,
  headOf,
  headsOf,
  itemOf,
  isPaused,
  itemsOf,
  sizeOf,
  standingOf,
  type Divergence,
  type LaneId,
  type Pause,
  type PlacedItem,
} from '../queues/lanes.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { Store } from '../state/store.ts'
import {
  commandKey,
  deliveryKey,
  entryKey,
  isUnderWay,
  totalKey,
  type Command,
  type CommandAction,
  type Delivery,
  type HistoryEntry,
  type Try,
} from './records.ts'
import { lastCommand } from './command-views.ts'
import { pullFailureKey, type PullFailure } from './pulling.ts'
import type { Agent } from './roster.ts'

/** From how many failed tries on a head counts as blocked: fewer are a hiccup, and an alarm for each would be ignored. */
const blockedAfter = 3

/** What the other side says of a setting that somebody will mend. */
const configurationFaults = new Set<ErrorCode>(['unauthenticated', 'forbidden', 'missing'])

/** Paths that an item shows: a command may name thousands. */
const shownPaths = 20
/** Items whose records are read in one go: each look is a way to the Store and back. */
const together = 64

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
}

export interface ItemView {
  readonly id: string
  readonly command: string
  readonly package?: PackageId
  readonly action: CommandAction
  readonly paths: readonly ResourcePath[]
  readonly pathCount: number
  readonly entries: number
  readonly bytes: number
  readonly actor: string
  readonly state: 'preparing' | 'waiting' | 'active' | 'retrying' | 'leased' | 'failed'
  readonly attempts: number
  readonly error?: ErrorView
  readonly enqueuedAt: string
  readonly nextAttemptAt?: string
}

export interface ItemDetail extends ItemView {
  readonly tries: readonly Try[]
}

export type AgentState = 'disabled' | 'failed' | 'paused' | 'blocked' | 'retrying' | 'running' | 'idle'

export interface AgentSummary {
  readonly name: string
  readonly enabled: boolean
  readonly state: AgentState
  /** Why, when it is `failed` or `blocked`. */
  readonly reason?: string
  readonly queues: readonly QueueSummary[]
  readonly lastCommand?: Pick<Command, 'id' | 'kind' | 'action' | 'state' | 'createdAt' | 'finishedAt'>
  readonly counters: Readonly<Record<'commands' | 'delivered' | 'failedAttempts', number>>
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
  const marks = { ...(pausedBy && { pausedBy }), ...(skipped && { diverged: skipped.value }) }
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

/** Tries that have failed: the one under way has not, yet. */
function failuresOf(delivery: Delivery): number {
  return delivery.error === undefined ? 0 : delivery.attempts - (delivery.active ? 1 : 0)
}

/** Items in the order in which they will go; `next` is where to go on. */
export async function listItems(
  store: Store,
  agent: Agent,
  queue: string,
  page: { readonly state?: ItemView['state']; readonly after?: string; readonly limit: number },
): Promise<{ items: readonly ItemView[]; next?: string }> {
  const lane = laneOf(agent, queue)
  const items: ItemView[] = []
  let after = page.after ?? beforeAll(lane)
  const active = await activeOf(store, lane)
  if (active !== undefined && page.after === undefined && (page.state ?? 'active') === 'active')
    items.push(...(await itemViews(store, lane, [active])))
  for (;;) {
    const placed = await itemsOf(store, lane, { limit: page.limit + 1, after })
    for (let at = 0; at < placed.length; at += together) {
      const some = placed.slice(at, at + together)
      const views = await itemViews(store, lane, some)
      for (const [i, view] of views.entries()) {
        if (items.length === page.limit) return { items, next: after }
        const shown = some[i]?.key !== active?.key && (page.state === undefined || view.state === page.state)
        if (shown) items.push(view)
        after = some[i]?.key ?? after
      }
    }
    if (placed.length <= page.limit) return { items }
  }
}

/** What is in delivery: not always the first, for a more urgent one may have come meanwhile. */
async function activeOf(store: Store, lane: LaneId): Promise<PlacedItem | undefined> {
  const heads = await headsOf(store, lane)
  const deliveries = await store.getAll<Delivery>(
    heads.map(({ value: { command, target } }) => deliveryKey(command, lane.agent, target)),
  )
  return heads.find((_, i) => deliveries[i]?.value.active === true)
}

/** Throws `missing`. */
export async function findItem(store: Store, agent: Agent, queue: string, command: string): Promise<ItemDetail> {
  const lane = laneOf(agent, queue)
  const item = await itemOf(store, lane, command)
  if (item === undefined) throw new ReplicationError('missing', `queue ${queue} has no item ${command}`)
  const [records = {}] = await recordsOf(store, agent.name, [item])
  return { ...itemView(item, records), tries: records.delivery?.tries ?? [] }
}

/** What the Store knows of an item. */
interface Records {
  readonly delivery?: Delivery
  readonly entry?: HistoryEntry
  readonly command?: Command
}

async function recordsOf(store: Store, agent: string, items: readonly PlacedItem[]): Promise<Records[]> {
  const keys = items.flatMap(({ value: { command, target } }) => [
    deliveryKey(command, agent, target),
    entryKey(command, agent),
    commandKey(command),
  ])
  const found = await store.getAll(keys)
  return items.map((_, i) => {
    const [delivery, entry, command] = found.slice(3 * i, 3 * i + 3)
    return {
      ...(delivery !== undefined && { delivery: delivery.value as Delivery }),
      ...(entry !== undefined && { entry: entry.value as HistoryEntry }),
      ...(command !== undefined && { command: command.value as Command }),
    }
  })
}

async function itemViews(store: Store, lane: LaneId, items: readonly PlacedItem[]): Promise<ItemView[]> {
  const records = await recordsOf(store, lane.agent, items)
  return items.map((item, i) => itemView(item, records[i] ?? {}))
}

function itemView(item: PlacedItem, { delivery, entry, command }: Records): ItemView {
  const paths = command?.paths ?? []
  return {
    ...{ id: item.value.command, command: item.value.command },
    ...(entry?.package !== undefined && { package: entry.package }),
    ...{ action: command?.action ?? 'add', paths: paths.slice(0, shownPaths), pathCount: paths.length },
    ...{ entries: entry?.entries ?? 0, bytes: entry?.bytes ?? 0, actor: command?.actor ?? '' },
    ...{ state: itemState(delivery, entry), attempts: delivery?.attempts ?? 0 },
    ...(delivery?.error !== undefined && { error: delivery.error }),
    enqueuedAt: item.value.enqueuedAt,
    ...(delivery?.nextAttemptAt !== undefined && { nextAttemptAt: delivery.nextAttemptAt }),
  }
}

function itemState(delivery: Delivery | undefined, entry: HistoryEntry | undefined): ItemView['state'] {
  if (delivery?.state === 'failed') return 'failed'
  if (entry?.stage === 'preparing') return 'preparing'
  if (delivery?.active === true) return 'active'
  if (delivery !== undefined && isUnderWay(delivery)) return 'leased'
  return delivery?.state === 'retrying' ? 'retrying' : 'waiting'
}

export async function viewAgent(store: Store, agent: Agent): Promise<AgentSummary> {
  const queues = await queuesOf(store, agent)
  const last = await lastCommand(store, agent.name)
  const totals = await store.getAll<number>([
    totalKey(agent.name, 'commands'),
    totalKey(agent.name, 'delivered'),
    totalKey(agent.name, 'failedAttempts'),
  ])
  const [commands = 0, delivered = 0, failedAttempts = 0] = totals.map((total) => total?.value ?? 0)
  const { state, reason } = await agentState(store, agent, queues)
  return {
    ...{ name: agent.name, enabled: agent.config.enabled, state },
    ...(reason !== undefined && { reason }),
    queues,
    ...(last !== undefined && { lastCommand: lastView(last) }),
    counters: { commands, delivered, failedAttempts },
  }
}

function lastView({
  id,
  kind,
  action,
  state,
  createdAt,
  finishedAt,
}: Command): NonNullable<AgentSummary['lastCommand']> {
  return { id, kind, action, state, createdAt, ...(finishedAt !== undefined && { finishedAt }) }
}

async function agentState(
  store: Store,
  agent: Agent,
  queues: readonly QueueSummary[],
): Promise<{ state: AgentState; reason?: string }> {
  if (!agent.config.enabled) return { state: 'disabled' }
  if (agent.fault !== undefined) return { state: 'failed', reason: agent.fault }
  for (const { name, blockedBy } of queues)
    if (blockedBy !== undefined && configurationFaults.has(blockedBy.error.code))
      return { state: 'failed', reason: `${name}: ${blockedBy.error.detail}` }
  const pull = agent.puller && (await store.get<PullFailure>(pullFailureKey(agent.name)))?.value.error
  const reason = pull && `source: ${pull.detail}`
  if (pull && configurationFaults.has(pull.code)) return { state: 'failed', ...(reason !== undefined && { reason }) }
  if (await isPaused(store, agent.name)) return { state: 'paused' }
  for (const state of ['blocked', 'retrying', 'running'] as const) {
    const queue = queues.find((one) => one.state === state)
    if (queue === undefined) continue
    const reason = queue.blockedBy && `${queue.name}: ${queue.blockedBy.error.detail}`
    return { state, ...(reason !== undefined && { reason }) }
  }
  return reason === undefined ? { state: 'idle' } : { state: 'retrying', reason }
}
