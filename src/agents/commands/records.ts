import type { ErrorView } from '../../errors.ts'
import type { PackageId, PackageSummary } from '../../packages/manifest.ts'
import type { Receipt } from '../../endpoints/endpoint.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Write } from '../../state/store.ts'
import type { EventType } from '../events/events.ts'
import type { Applies, Approval } from './applies.ts'
import type { Counts } from './counts.ts'
import type { Incident } from './incidents.ts'
import type { Edition, SoFar } from './so-far.ts'

/*
 * What the Store keeps of commands:
 *
 * command/<command>                       Command
 * entry/<command>/<agent>                 HistoryEntry: what one agent does for the command
 * delivery/<command>/<agent>/<target>     Delivery: what becomes of it at one target
 * history/<agent>/<kind>/<command>        HistoryMark, so that histories are listed by agent and kind
 * done/<agent>/<finishedAt>/<command>     there while the entry is at rest: the history that may go, oldest end first;
 *                                         done-count/<agent> counts them
 * forgotten/<command>                     Forgotten: how the parts of those agents ended whose entries have gone already
 * package/<id>                            PackageRecord; package-uses/<id> counts the entries that are not at rest, the
 *                                         indexes and the parts just made that refer to it; package-entries/<id> counts
 *                                         all entries that do
 * package-idle/<time>/<id>                nobody may need it any more since then: it is to be looked at a day later
 * preparing/<command>/<agent>             Preparing: there while its package is still to be made
 * made/<command>/<agent>/<number>         the parts of it that are there already: see made.ts
 * total/<agent>/<name>                    counters for people
 *
 * Whatever else is made to refer to a package counts in package-uses/<id>, and lets go with `letGo`.
 */
export const commandKey = (command: string): string => `command/${command}`
export const entryKey = (command: string, agent: string): string => `entry/${command}/${agent}`
export const deliveryKey = (command: string, agent: string, target: string): string =>
  `delivery/${command}/${agent}/${target}`
export const historyKey = (agent: string, kind: CommandKind, command: string): string =>
  `history/${agent}/${kind}/${command}`
export const doneCountPrefix = 'done-count/'
export const doneCountKey = (agent: string): string => `${doneCountPrefix}${agent}`
export const donePrefix = (agent: string): string => `done/${agent}/`
export const doneKey = (agent: string, finishedAt: string, command: string): string =>
  `${donePrefix(agent)}${finishedAt}/${command}`
export const forgottenKey = (command: string): string => `forgotten/${command}`
export const preparingPrefix = 'preparing/'
export const preparingKey = (command: string, agent: string): string => `${preparingPrefix}${command}/${agent}`
export const packageKey = (id: PackageId): string => `package/${id}`
export const packageUsesKey = (id: PackageId): string => `package-uses/${id}`
export const packageEntriesKey = (id: PackageId): string => `package-entries/${id}`
export const idlePrefix = 'package-idle/'
export const idleKey = (since: Date, id: PackageId): string => `${idlePrefix}${since.toISOString()}/${id}`
export const totalKey = (agent: string, name: 'commands' | 'delivered' | 'failedAttempts'): string =>
  `total/${agent}/${name}`

export type CommandKind = 'replicate' | 'export' | 'import'
export type CommandAction = 'add' | 'delete' | 'test'
export const commandKinds = ['replicate', 'export', 'import'] as const

/** `error`: this agent did not take the command; no entry stands for it. */
export const runStates = ['queued', 'running', 'retrying', 'succeeded', 'failed', 'partial', 'cancelled'] as const
export type RunState = (typeof runStates)[number]

export const targetStates = ['queued', 'delivering', 'retrying', 'delivered', 'failed', 'skipped', 'cancelled'] as const
export type TargetState = (typeof targetStates)[number]

export interface Command {
  readonly id: string
  readonly kind: CommandKind
  readonly action: CommandAction
  readonly paths: readonly ResourcePath[]
  readonly deep: boolean
  readonly mode: 'update' | 'mirror'
  /** All is sent, whatever targets are known to hold. */
  readonly full?: true
  /** All is read anew, at the source and at the targets, whatever is remembered of it. */
  readonly verify?: true
  readonly actor: string
  /** The id of who that is, where his name may change; not shown. */
  readonly caller?: string
  readonly createdAt: string
  readonly finishedAt?: string
  readonly state: RunState
  /** How many of its entries are in which state. */
  readonly counts: Counts<RunState>
  /** What each agent that was asked answered, in the order of asking. */
  readonly statusList: readonly AgentStatus[]
  /** Set when another server delivered this: its delivery, to which the receipt belongs. */
  readonly delivery?: string
  readonly traceparent?: string
  /** Set when a trigger fired it. */
  readonly cause?: Cause
  /** Set when it applies what was chosen of a comparison. */
  readonly application?: Applies
  /** Somebody else than who asked must agree before anything of it begins. */
  readonly approval?: Approval
}

/** Why a command is there that nobody asked for. */
export interface Cause {
  readonly trigger: 'schedule' | 'after' | 'watch'
  /** The time at which a schedule was due, RFC 3339. */
  readonly dueAt?: string
  /** How many firings of a schedule this one makes up for, itself included, when it comes late. */
  readonly missed?: number
  /** The command that was delivered, and by whom. */
  readonly command?: string
  readonly agent?: string
}

export interface AgentStatus {
  readonly agent: string
  readonly status: 'queued' | 'error'
  readonly error?: ErrorView
}

export interface HistoryEntry {
  readonly command: string
  readonly agent: string
  readonly kind: CommandKind
  readonly status: RunState
  /** `preparing`: the package is still to be made. */
  readonly stage: 'preparing' | 'ready' | 'failed' | 'cancelled'
  /** Exports begun so far; with `nextExportAt` the next try. */
  readonly exports: number
  readonly nextExportAt?: string
  /** The package, or the index of those that the tree has become. */
  readonly package?: PackageId
  /** How many packages the tree has become, when it is more than one. */
  readonly parts?: number
  /** Where only what differs was sent: how much that was. */
  readonly delta?: { readonly files: number; readonly bytes: number }
  /** While it is made: the parts that are there already, and may be applied. */
  readonly made?: SoFar
  /** Where an export that began anew came to other parts than the one before, in order. */
  readonly editions?: readonly Edition[]
  readonly entries: number
  readonly bytes: number
  readonly targets: readonly string[]
  readonly counts: Counts<TargetState>
  /** How many of its deliveries have failed and lie in an error queue. */
  readonly parked?: number
  readonly createdAt: string
  readonly finishedAt?: string
  readonly error?: ErrorView
  /** What was passed over and why, at most 20 lines. */
  readonly notes?: readonly string[]
  /** Since when the package is there. */
  readonly readyAt?: string
  /** What its deliveries do not know of, the newest 20, oldest first. */
  readonly incidents?: readonly Incident[]
}

export interface Preparing {
  readonly command: string
  readonly agent: string
}

export type Forgotten = Readonly<Record<string, RunState>>

export interface HistoryMark {
  readonly status: RunState
}

export interface Delivery {
  readonly command: string
  readonly agent: string
  readonly target: string
  /** The queue in which its item is, if it has one. */
  readonly queue?: string
  readonly state: TargetState
  /** Somebody is applying it at this moment, or died while doing so. */
  readonly active: boolean
  /** Somebody has pulled it, and has until then to say that it is applied. */
  readonly leasedUntil?: string
  /** Tries begun so far. */
  readonly attempts: number
  /** How often it was queued again after it had failed: each time is a delivery of its own, to be applied anew. */
  readonly round?: number
  /** Of a tree in several parts: what the target has applied so far. */
  readonly applied?: SoFar
  /** Of a mirror in several parts: what was brought to where all of them will be applied. */
  readonly brought?: SoFar
  /** Its try waits for the next part to be made, after so many ms of work. */
  readonly awaits?: { readonly spentMs: number }
  readonly nextAttemptAt?: string
  /** Since when it blocks its queue: its third failed try. */
  readonly blockedSince?: string
  readonly error?: ErrorView
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly receipt?: Receipt
  /** The newest tries, at most 20. */
  readonly tries: readonly Try[]
  /** What people have decided about it, the newest 20, oldest first. */
  readonly decisions?: readonly Decision[]
}

const maxDecisions = 20

/** The decisions with one more. */
export function decided({ decisions = [] }: Pick<Delivery, 'decisions'>, decision: Decision): readonly Decision[] {
  return [...decisions, decision].slice(-maxDecisions)
}

const maxTries = 20

/** What changes when another try begins, at `startedAt`. */
export function anotherTry(was: Delivery, startedAt: string): Pick<Delivery, 'attempts' | 'startedAt' | 'tries'> {
  const attempt = was.attempts + 1
  return {
    attempts: attempt,
    startedAt: was.startedAt ?? startedAt,
    tries: [...was.tries, { attempt, startedAt }].slice(-maxTries),
  }
}

/** Its end is another's to tell. */
export function isUnderWay({ active, leasedUntil }: Delivery): boolean {
  return active || (leasedUntil !== undefined && Date.parse(leasedUntil) > Date.now())
}

/** What is left of a delivery whose item is no longer in a queue. */
export function unqueued(was: Delivery): Delivery {
  const { queue: _, nextAttemptAt: _next, leasedUntil: _lease, awaits: _awaits, ...left } = was
  return left
}

/** A delivery of its own, to be applied anew, of what had failed: it goes into its target's queue. */
export function anotherRound(was: Delivery): Delivery {
  const { error: _, applied: _applied, brought: _brought, finishedAt: _finished, ...left } = unqueued(was)
  return { ...left, state: 'queued', attempts: 0, round: (was.round ?? 0) + 1, queue: was.target }
}

export const verbs = ['cancel', 'clear', 'move', 'remove', 'retry', 'skip'] as const

export interface Decision {
  readonly verb: (typeof verbs)[number]
  readonly at: string
  readonly actor: string
  readonly reason?: string
  /** The event that told it. */
  readonly event?: EventType
}

export interface Try {
  readonly attempt: number
  readonly startedAt: string
  readonly finishedAt?: string
  readonly error?: ErrorView
}

export interface PackageRecord {
  readonly id: PackageId
  readonly createdAt: string
  /** When it came from outside once more. */
  readonly receivedAt?: string
  readonly agent?: string
  readonly command?: string
  /** Those that have made or taken it, besides that one. */
  readonly agents?: readonly string[]
  readonly action: 'add' | 'delete'
  readonly mode: 'update' | 'mirror'
  readonly roots: readonly ResourcePath[]
  readonly entries: number
  /** Unpacked. */
  readonly bytes: number
  readonly zipBytes: number
  /** Of an index: the packages that it lists, in the order in which they are applied. */
  readonly parts?: readonly PackageId[]
}

export interface PackageMaker {
  readonly agent: string
  readonly command: string
}

/** What is remembered of a package that was written or received. */
export function packageRecord(made: PackageSummary, maker?: PackageMaker): PackageRecord {
  const { id, action, mode, roots, entries, bytes, zipBytes, parts } = made
  return {
    ...{ id, createdAt: new Date().toISOString(), ...maker },
    ...{ action, mode, roots, entries, bytes, zipBytes, ...(parts !== undefined && { parts }) },
  }
}

/** The writes that make a package known; an index holds its parts. Only for one that is not known yet. */
export function rememberPackage(record: PackageRecord): Write[] {
  return [
    { put: packageKey(record.id), value: record },
    ...(record.parts ?? []).map((part) => ({ add: packageUsesKey(part), amount: 1 })),
  ]
}

/** The writes of whoever counted in package-uses/<id> and no longer needs them. */
export function letGo(packages: readonly PackageId[], since: Date): Write[] {
  return packages.flatMap((id) => [
    { add: packageUsesKey(id), amount: -1 },
    { put: idleKey(since, id), value: true },
  ])
}
