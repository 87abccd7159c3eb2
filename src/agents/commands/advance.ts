import type { Check, Entry, Store, Write } from '../../state/store.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { eventWrites, type ReplicationEvent } from '../events/events.ts'
import { moved, type Counts } from './counts.ts'
import { incidentsIn, withIncidents, type Incident } from './incidents.ts'
import { traceIdIn } from '../../tracing/span.ts'
import { chainWrites } from '../triggers/chain.ts'
import { followersKey } from '../triggers/records.ts'
import {
  commandKey,
  deliveryKey,
  doneCountKey,
  doneKey,
  entryKey,
  historyKey,
  packageEntriesKey,
  packageUsesKey,
  preparingKey,
  type Command,
  type Delivery,
  type HistoryEntry,
  type HistoryMark,
  type Preparing,
  type TargetState,
} from './records.ts'
import { leftOfMade, letGoOfMade } from './made.ts'
import { newsWrites, withTurns } from './news.ts'
import { commandState, entryStatus, isAtRest, isFinal } from './status.ts'

/** One agent's part of a command as it stands in the Store. */
export interface Progress {
  readonly command: Command
  readonly entry: HistoryEntry
}

/** What happens to it next. Counts, statuses, history and the end of the command follow by themselves. */
export interface Step {
  /** What changes of the entry itself. */
  readonly entry?: Partial<
    Pick<
      HistoryEntry,
      'stage' | 'exports' | 'package' | 'parts' | 'delta' | 'made' | 'editions' | 'entries' | 'bytes' | 'notes'
    >
  > & {
    readonly nextExportAt?: string | undefined
    readonly error?: HistoryEntry['error'] | undefined
  }
  /** What changes of the command itself. */
  readonly command?: Pick<Command, 'approval'>
  /** Deliveries as they shall be, each with the record that it was when the step was made. */
  readonly deliveries?: readonly { readonly was: Entry<Delivery>; readonly is: Delivery }[]
  readonly checks?: readonly Check[]
  readonly writes?: readonly Write[]
  readonly events?: readonly Omit<ReplicationEvent, 'at' | 'agent' | 'command'>[]
}

/**
 * Looks at how one agent's part of a command stands, with what else was asked for, and answers what happens to it next, or
 * undefined when there is nothing to do.
 */
export type Next = (
  progress: Progress,
  found: readonly (Entry<unknown> | undefined)[],
) => Promise<Step | undefined> | Step | undefined

/** One agent's part of a command, and what happens to it next. What `next` must see besides is read at `also`, in one go. */
export interface Move {
  readonly command: string
  readonly agent: string
  readonly next: Next
  readonly also?: readonly string[]
  /** Another, before this one in the same batch, without which this one must not be. */
  readonly follows?: Move
}

/**
 * Does one step of one agent's part of a command, in one atomic batch with everything that follows from it. `next` is asked
 * again when somebody else was faster with another target of the same command. Answers the progress made, or undefined when
 * the step was not, or must no longer be, taken: one of its own checks failed.
 */
export async function advance(
  store: Store,
  command: string,
  agent: string,
  next: Next,
  also: readonly string[] = [],
): Promise<Progress | undefined> {
  return (await advanceAll(store, [{ command, agent, next, also }]))[0]
}

/**
 * As `advance`, for several commands, each only once, in the same batch, and so at the price of one. Answers the progress of
 * each. One is left alone, and its progress undefined, when there is nothing to do for it, when one of its own checks fails,
 * or when the move that it follows is left alone.
 */
export async function advanceAll(store: Store, moves: readonly Move[]): Promise<(Progress | undefined)[]> {
  const left = new Set<Move>()
  for (;;) {
    const tried = moves.filter((move) => !left.has(move))
    const keys = tried.map(({ command, agent, also = [] }) => [
      commandKey(command),
      entryKey(command, agent),
      followersKey(agent),
      ...also,
    ])
    const found = await store.getAll(keys.flat())
    const strides = new Map<Move, Stride>()
    let at = 0
    for (const [i, move] of tried.entries()) {
      const seen = found.slice(at, (at += keys[i]?.length ?? 0))
      const may = move.follows === undefined || strides.has(move.follows)
      const made = may ? await stride(store, move, seen) : undefined
      if (made === undefined) left.add(move)
      else strides.set(move, made)
    }
    if (strides.size === 0) return moves.map(() => undefined)
    const all = [...strides.values()]
    const result = await store.commit({
      // Whoever was overtaken looks again, before his own checks count.
      checks: [...all.flatMap(({ shared }) => shared), ...all.flatMap(({ own }) => own)],
      writes: all.flatMap(({ writes }) => writes),
    })
    if (result.ok) return moves.map((move) => strides.get(move)?.progress)
    if (all.some(({ shared }) => shared.some(({ key }) => key === result.failed))) continue
    for (const [move, { own }] of strides) if (own.some(({ key }) => key === result.failed)) left.add(move)
  }
}

/** What a move comes to. */
interface Stride {
  readonly progress: Progress
  /** When one of these fails, the step must not be taken; when another does, it is to be worked out anew. */
  readonly own: readonly Check[]
  readonly shared: readonly Check[]
  readonly writes: readonly Write[]
}

async function stride(
  store: Store,
  { command: commandId, agent, next }: Move,
  [commandEntry, entryEntry, followedBy, ...found]: readonly (Entry<unknown> | undefined)[],
): Promise<Stride | undefined> {
  if (commandEntry === undefined || entryEntry === undefined) return undefined
  const was: Progress = { command: commandEntry.value as Command, entry: entryEntry.value as HistoryEntry }
  const step = await next(was, found)
  if (step === undefined) return undefined
  const now = new Date().toISOString()
  const happened = incidentsIn(step.events ?? [], now)
  const entry = entryAfter(was.entry, step, happened, now)
  const command = commandAfter(was.command, step.command, was.entry, entry, now)
  const followers = (followedBy?.value ?? []) as readonly string[]
  const chained = chainWrites(followers, command, was.entry, entry)
  const about = { at: now, agent, command: commandId, ...traceIdIn(command.traceparent) }
  const { deliveries, turns } = withTurns(step.deliveries ?? [], now)
  const own: Check[] = [
    ...(step.deliveries ?? []).map(({ was }) => ({ key: was.key, version: was.version })),
    ...(step.checks ?? []),
  ]
  const shared: Check[] = [{ key: entryEntry.key, version: entryEntry.version }]
  const changes =
    step.entry !== undefined ||
    happened.length > 0 ||
    (step.deliveries ?? []).some(({ was: { value: was }, is }) => was.state !== is.state || was.queue !== is.queue)
  const writes: Write[] = [
    ...(changes ? [{ put: entryEntry.key, value: entry }] : []),
    ...deliveries.map(({ is }) => ({ put: deliveryKey(is.command, is.agent, is.target), value: is })),
    ...(step.writes ?? []),
    ...packageUses(was.entry, entry),
    ...preparation(was.entry, entry),
    ...(await letGoOfMade(store, was.entry, entry)),
    ...rest(was.entry, entry),
    ...chained,
    ...(step.events ?? []).flatMap((event) => eventWrites({ ...about, ...event })),
    ...(await newsWrites(store, { command, was: was.entry, is: entry, deliveries, turns, at: now })),
  ]
  if (command !== was.command) {
    shared.push({ key: commandEntry.key, version: commandEntry.version })
    writes.push({ put: commandEntry.key, value: command })
  }
  if (entry.status !== was.entry.status) {
    writes.push({
      put: historyKey(agent, entry.kind, commandId),
      value: { status: entry.status } satisfies HistoryMark,
    })
    if (isFinal(entry.status))
      writes.push(
        ...eventWrites({
          type: 'command.finished',
          ...about,
          ...(chained.length > 0 && { followers }),
          data: { status: entry.status, state: command.state },
        }),
      )
  }
  return { progress: { command, entry }, own, shared, writes }
}

/**
 * As `advance`, save that a step whose own checks fail is worked out anew: undefined says that there is nothing to do, or
 * nothing known of the command.
 */
export async function insist(
  ...[store, commandId, agent, next, also]: Parameters<typeof advance>
): ReturnType<typeof advance> {
  for (;;) {
    let step: Step | undefined
    const work = async (...seen: Parameters<typeof next>): Promise<Step | undefined> => (step = await next(...seen))
    const done = await advance(store, commandId, agent, work, also)
    if (done !== undefined || step === undefined) return done
  }
}

function entryAfter(was: HistoryEntry, step: Step, happened: readonly Incident[], now: string): HistoryEntry {
  let counts: Counts<TargetState> = was.counts
  let parked = was.parked ?? 0
  for (const { was: before, is } of step.deliveries ?? []) {
    counts = moved(counts, before.value.state, is.state)
    parked += Number(isParked(is)) - Number(isParked(before.value))
  }
  const changed = { ...was, ...step.entry, counts, parked: parked === 0 ? undefined : parked }
  const { finishedAt: _, ...open } = { ...changed, ...leftOfMade(changed) }
  const entry = dropUndefined(open)
  const status = entryStatus(entry)
  return {
    ...{ ...entry, status },
    ...(step.entry?.stage === 'ready' && { readyAt: now }),
    ...withIncidents(was.incidents, happened),
    ...(isFinal(status) && { finishedAt: was.finishedAt ?? now }),
  }
}

function commandAfter(
  known: Command,
  changed: Step['command'],
  before: HistoryEntry,
  after: HistoryEntry,
  now: string,
): Command {
  const was = changed === undefined ? known : { ...known, ...changed }
  if (before.status === after.status) return was
  const { finishedAt: _, ...open } = was
  const counts = moved(was.counts, before.status, after.status)
  const state = commandState(counts)
  return { ...open, counts, state, ...(isFinal(state) && { finishedAt: now }) }
}

/** It has failed, and its item is in an error queue until somebody decides. */
function isParked({ state, queue }: Delivery): boolean {
  return state === 'failed' && queue !== undefined
}

/** A package is in use while an entry that is not at rest refers to it. */
function packageUses(was: HistoryEntry, is: HistoryEntry): Write[] {
  return [
    ...counted(packageUsesKey, isAtRest(was) ? undefined : was.package, isAtRest(is) ? undefined : is.package),
    ...counted(packageEntriesKey, was.package, is.package),
  ]
}

function counted(
  keyOf: (id: PackageId) => string,
  before: PackageId | undefined,
  after: PackageId | undefined,
): Write[] {
  if (before === after) return []
  return [
    ...(before === undefined ? [] : [{ add: keyOf(before), amount: -1 }]),
    ...(after === undefined ? [] : [{ add: keyOf(after), amount: 1 }]),
  ]
}

/** What may be forgotten one day is found by when it ended. */
function rest(was: HistoryEntry, is: HistoryEntry): Write[] {
  const { agent, command } = is
  if (isAtRest(was) === isAtRest(is)) return []
  return isAtRest(is)
    ? [
        { put: doneKey(agent, is.finishedAt ?? '', command), value: true },
        { add: doneCountKey(agent), amount: 1 },
      ]
    : [{ delete: doneKey(agent, was.finishedAt ?? '', command) }, { add: doneCountKey(agent), amount: -1 }]
}

/** Whether its package is still to be made is also found without looking at every entry. */
function preparation(was: HistoryEntry, { command, agent, stage }: HistoryEntry): Write[] {
  if ((was.stage === 'preparing') === (stage === 'preparing')) return []
  const key = preparingKey(command, agent)
  return [stage === 'preparing' ? { put: key, value: { command, agent } satisfies Preparing } : { delete: key }]
}

/** `undefined` in a step means: no longer there. */
function dropUndefined<T extends object>(
  value: T,
): T extends infer U ? { [K in keyof U]: Exclude<U[K], undefined> } : never {
  return Object.fromEntries(Object.entries(value).filter(([, part]) => part !== undefined)) as never
}
