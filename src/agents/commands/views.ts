import type { Receipt } from '../../endpoints/endpoint.ts'
import { ReplicationError, type ErrorView } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Store } from '../../state/store.ts'
import { agentsOf } from './command.ts'
import { allIds, idsOfAgent, marks } from './ids.ts'
import { exportHeadway, headwaysOf, type Headway } from './headway.ts'
import {
  commandKey,
  commandKinds,
  deliveryKey,
  entryKey,
  forgottenKey,
  type Cause,
  type Command,
  type CommandAction,
  type CommandKind,
  type Decision,
  type Delivery,
  type Forgotten,
  type HistoryEntry,
  type RunState,
  type TargetState,
} from './records.ts'
import type { SoFar } from './so-far.ts'

/** What `GET /commands/{id}` shows; times are RFC 3339, sizes bytes. */
export interface CommandView {
  readonly id: string
  readonly kind: CommandKind
  readonly action: CommandAction
  readonly paths: readonly ResourcePath[]
  readonly deep: boolean
  readonly mode: 'update' | 'mirror'
  readonly full?: true
  readonly verify?: true
  readonly state: RunState
  readonly createdAt: string
  readonly finishedAt?: string
  readonly actor: string
  /** The trigger that fired it. */
  readonly cause?: Cause
  /** The far delivery that this command serves, when another server sent it. */
  readonly delivery?: string
  readonly agents: readonly AgentView[]
}

export interface AgentView {
  readonly agent: string
  readonly status: RunState | 'error'
  readonly package?: PackageId
  /** Of a tree in several packages: how many all targets have applied, and how many there are, or are so far. */
  readonly parts?: { readonly done: number; readonly total: number; readonly more?: true }
  /** Where only what differs was sent: how much that was. */
  readonly delta?: { readonly files: number; readonly bytes: number }
  readonly error?: ErrorView
  readonly notes?: readonly string[]
  /** How far its export is, while it goes on. */
  readonly progress?: Headway
  readonly targets: readonly TargetView[]
}

export interface TargetView {
  readonly target: string
  readonly state: TargetState
  readonly attempts: number
  readonly nextAttemptAt?: string
  readonly error?: ErrorView
  readonly entries: number
  readonly bytes: number
  /** What it has applied of a tree in several packages, while that is not all. */
  readonly applied?: SoFar
  /** What of a mirror in several packages was brought to where it is still to be applied. */
  readonly brought?: SoFar
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly receipt?: Receipt
  /** How far its delivery is, while it goes on. */
  readonly progress?: Headway
  readonly decisions?: readonly Omit<Decision, 'event'>[]
}

export interface HistoryView {
  readonly id: string
  readonly command: string
  readonly action: CommandAction
  readonly paths: readonly ResourcePath[]
  readonly status: RunState
  readonly actor: string
  readonly createdAt: string
  readonly finishedAt?: string
  readonly durationMs?: number
  readonly package?: PackageId
  readonly entries: number
  readonly bytes: number
  readonly targets: readonly TargetView[]
  readonly error?: ErrorView
  readonly notes?: readonly string[]
}

/** With what those agents do for it that are seen. */
export async function viewCommand(store: Store, id: string, sees: Seen = () => true): Promise<CommandView> {
  const found = await store.get<Command>(commandKey(id))
  if (found === undefined) throw new ReplicationError('missing', `there is no command ${id}`)
  return viewOf(store, found.value, sees)
}

type Seen = (agent: string) => boolean

async function viewOf(store: Store, command: Command, sees: Seen): Promise<CommandView> {
  const { counts: _, statusList, traceparent: _trace, caller: _caller, ...shown } = command
  const agents = await Promise.all(
    statusList
      .filter(({ agent }) => sees(agent))
      .map(async ({ agent, status, error }): Promise<AgentView> => {
        if (status === 'error') return { agent, status, targets: [], ...(error !== undefined && { error }) }
        const entry = (await store.get<HistoryEntry>(entryKey(command.id, agent)))?.value
        if (entry === undefined) return forgottenView(store, command, agent)
        const deliveries = await deliveriesOf(store, entry)
        const [progress, headways] = await Promise.all([exportHeadway(store, entry), headwaysOf(store, deliveries)])
        return {
          ...{ agent, status: entry.status },
          ...(entry.package !== undefined && { package: entry.package }),
          ...(entry.delta !== undefined && { delta: entry.delta }),
          ...(entry.error !== undefined && { error: entry.error }),
          ...(entry.notes !== undefined && { notes: entry.notes }),
          ...partsOf(entry, deliveries),
          ...(progress !== undefined && { progress }),
          targets: deliveries.map((delivery) => targetView(delivery, entry, headways.get(delivery))),
        }
      }),
  )
  return { ...shown, agents }
}

/** A command is kept until the last of its agents forgets its part of it. */
async function forgottenView(store: Store, command: Command, agent: string): Promise<AgentView> {
  const ended = (await store.get<Forgotten>(forgottenKey(command.id)))?.value[agent]
  const notes = ['what this agent did is no longer kept: see its history.keepDays and history.keepEntries']
  return { agent, status: ended ?? command.state, notes, targets: [] }
}

async function deliveriesOf(store: Store, entry: HistoryEntry): Promise<Delivery[]> {
  const found = await store.getAll<Delivery>(
    entry.targets.map((target) => deliveryKey(entry.command, entry.agent, target)),
  )
  return found.flatMap((delivery) => (delivery === undefined ? [] : [delivery.value]))
}

function partsOf(entry: HistoryEntry, deliveries: readonly Delivery[]): Pick<AgentView, 'parts'> {
  const { made, parts: total = made?.parts ?? 0 } = entry
  const done = Math.min(
    ...deliveries.map(({ state, applied }) => (state === 'delivered' ? total : (applied?.parts ?? 0))),
    total,
  )
  if (entry.parts !== undefined) return { parts: { done, total } }
  return made === undefined ? {} : { parts: { done, total, more: true } }
}

function targetView(delivery: Delivery, entry: HistoryEntry, progress?: Headway): TargetView {
  const {
    agent: _,
    command: _command,
    queue: _queue,
    active: _active,
    leasedUntil: _leased,
    tries: _tries,
    round: _round,
    awaits: _awaits,
    applied,
    brought,
    decisions,
    blockedSince: _blocked,
    ...shown
  } = delivery
  return {
    ...shown,
    entries: (delivery.receipt ?? entry.made ?? entry).entries,
    bytes: (delivery.receipt ?? entry.made ?? entry).bytes,
    ...(applied !== undefined && delivery.state !== 'delivered' && { applied }),
    ...(brought !== undefined && delivery.state !== 'delivered' && { brought }),
    ...(progress !== undefined && { progress }),
    ...(decisions !== undefined && { decisions: decisions.map(({ event: _event, ...decision }) => decision) }),
  }
}

/** How a page of commands or of a history is chosen; `before` is the id of the last one on the page before. */
export interface Selection {
  readonly status?: RunState
  readonly kind?: CommandKind
  readonly agent?: string
  /** Only commands that one of these has taken, and of each what these do for it. */
  readonly sees?: Seen
  readonly path?: ResourcePath
  /** RFC 3339; by creation. */
  readonly since?: string
  readonly until?: string
  readonly before?: string
  readonly limit: number
}

export interface Page<T> {
  readonly items: readonly T[]
  /** The id to go on behind, when there may be more. */
  readonly next?: string
}

/** Newest first. */
export async function listCommands(store: Store, chosen: Selection): Promise<Page<CommandView>> {
  const { sees = () => true } = chosen
  if (chosen.agent !== undefined && !sees(chosen.agent)) return { items: [] }
  const ids = chosen.agent === undefined ? allIds(store, chosen) : idsOfAgent(store, chosen.agent, chosen)
  const found: Command[] = []
  for await (const id of ids) {
    const command = (await store.get<Command>(commandKey(id)))?.value
    if (command === undefined || !admits(chosen, command, command.state)) continue
    if (chosen.sees !== undefined && !agentsOf(command).some(sees)) continue
    found.push(command)
    if (found.length > chosen.limit) break
  }
  const { items, next } = paged(found, chosen.limit, ({ id }) => id)
  return {
    items: await Promise.all(items.map((command) => viewOf(store, command, sees))),
    ...(next !== undefined && { next }),
  }
}

/** One of an agent's three histories, newest first. */
export async function listHistory(
  store: Store,
  agent: string,
  kind: CommandKind,
  chosen: Omit<Selection, 'kind' | 'agent'>,
): Promise<Page<HistoryView>> {
  const found: { entry: HistoryEntry; command: Command }[] = []
  for await (const { id, status } of marks(store, agent, kind, chosen)) {
    if (chosen.status !== undefined && chosen.status !== status) continue
    const [entry, command] = await store.getAll([entryKey(id, agent), commandKey(id)])
    if (entry === undefined || command === undefined) continue
    if (!admits(chosen, command.value as Command, status)) continue
    found.push({ entry: entry.value as HistoryEntry, command: command.value as Command })
    if (found.length > chosen.limit) break
  }
  const { items, next } = paged(found, chosen.limit, ({ entry }) => entry.command)
  return {
    items: await Promise.all(items.map(({ entry, command }) => historyView(store, entry, command))),
    ...(next !== undefined && { next }),
  }
}

async function historyView(store: Store, entry: HistoryEntry, command: Command): Promise<HistoryView> {
  const { createdAt, finishedAt, status, entries, bytes } = entry
  return {
    ...{ id: entry.command, command: entry.command, action: command.action, paths: command.paths, status },
    ...{ actor: command.actor, createdAt, entries, bytes },
    ...(finishedAt !== undefined && { finishedAt, durationMs: Date.parse(finishedAt) - Date.parse(createdAt) }),
    ...(entry.package !== undefined && { package: entry.package }),
    ...(entry.error !== undefined && { error: entry.error }),
    ...(entry.notes !== undefined && { notes: entry.notes }),
    targets: (await deliveriesOf(store, entry)).map((delivery) => targetView(delivery, entry)),
  }
}

/** The newest command of an agent, of whatever kind. */
export async function lastCommand(store: Store, agent: string): Promise<Command | undefined> {
  const newest = await Promise.all(
    commandKinds.map(async (kind) => {
      for await (const { id } of marks(store, agent, kind, {})) return id
      return ''
    }),
  )
  const [id = ''] = newest.toSorted().toReversed()
  return id === '' ? undefined : (await store.get<Command>(commandKey(id)))?.value
}

function admits(chosen: Omit<Selection, 'limit'>, command: Command, status: RunState): boolean {
  const { path } = chosen
  return (
    (chosen.status === undefined || chosen.status === status) &&
    (chosen.kind === undefined || chosen.kind === command.kind) &&
    (chosen.agent === undefined || agentsOf(command).includes(chosen.agent)) &&
    (path === undefined || command.paths.some((one) => isWithin(one, path))) &&
    (chosen.since === undefined || Date.parse(command.createdAt) >= Date.parse(chosen.since)) &&
    (chosen.until === undefined || Date.parse(command.createdAt) <= Date.parse(chosen.until))
  )
}

function paged<T>(
  found: readonly T[],
  limit: number,
  idOf: (one: T) => string,
): { items: readonly T[]; next?: string } {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return found.length > limit && last !== undefined ? { items, next: idOf(last) } : { items }
}
