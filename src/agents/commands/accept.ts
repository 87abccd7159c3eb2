import { monotonicFactory } from 'ulid'
import { errorView, ReplicationError } from '../../errors.ts'
import { enqueue, sizeKey } from '../../queues/lanes.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Check, Store, Write } from '../../state/store.ts'
import type { Applies } from './applies.ts'
import { alsoOf } from '../package-owners.ts'
import type { Agent, Roster } from '../roster.ts'
import { traceIdIn } from '../../tracing/span.ts'
import { eventWrites, type ReplicationEvent } from '../events/events.ts'
import { feedOf, type Feed } from './feed.ts'
import { importObjection, lackObjection, type Sealed } from './import-policy.ts'
import { mirrorObjection } from './mirrors.ts'
import { demandSense, strictnessOf } from './sense.ts'
import { PlaceSearch, type Placing } from './priority.ts'
import {
  commandKey,
  deliveryKey,
  entryKey,
  historyKey,
  packageEntriesKey,
  packageKey,
  packageUsesKey,
  preparingKey,
  totalKey,
  type AgentStatus,
  type Cause,
  type Command,
  type CommandAction,
  type CommandKind,
  type Delivery,
  type HistoryEntry,
  type HistoryMark,
  type PackageRecord,
  type Preparing,
} from './records.ts'

export interface CommandRequest {
  readonly kind: CommandKind
  readonly action: CommandAction
  /** For an import: the part of the package that shall be applied. Its roots when all of it. */
  readonly paths: readonly ResourcePath[]
  readonly deep: boolean
  readonly mode: 'update' | 'mirror'
  /** As of `Command`. */
  readonly full?: true
  readonly verify?: true
  /** Undefined: every enabled agent that can. */
  readonly agents: readonly string[] | undefined
  /** What an import applies. */
  readonly package?: PackageRecord
  /** It lacks what its targets are said to hold. */
  readonly lacks?: boolean
  /** Whose it has; none when absent. */
  readonly signatures?: Sealed['signatures']
  readonly actor: string
  /** His id, where it matters later who that was. */
  readonly caller?: string
  /** Why whoever asks may not ask this agent; who may do all of it says nothing. */
  readonly refusal?: (agent: string) => ReplicationError | undefined
  readonly traceparent?: string
  /** The trigger that fired it. */
  readonly cause?: Cause
  /** Only these of the queues; all when absent. */
  readonly targets?: readonly string[]
  readonly application?: Applies
  /** It waits in no queue until somebody else has agreed. */
  readonly approval?: 'needed'
  /** Another server's lane that delivers this to us. */
  readonly feed?: Feed
  /** More that must be true, and be written, in the same batch: what the caller keeps of its answer. */
  readonly alongside?: (command: Command) => { readonly checks: readonly Check[]; readonly writes: readonly Write[] }
}

export type Acceptance =
  | { readonly taken: true; readonly command: Command }
  /** Nobody took it: `error` is the problem that fits, the list has each agent's own. */
  | { readonly taken: false; readonly error: ReplicationError; readonly statusList: readonly AgentStatus[] }
  /** A check of `alongside` did not hold: somebody else was first. */
  | { readonly taken: false; readonly lost: true }

const nextId = monotonicFactory()

/** How long a caller should wait when a queue is full: time for a few deliveries. */
const fullQueueRetryMs = 5000
/** Servers that deliver to it must not give up what they have: it will be enabled again. */
const disabledRetryMs = 30_000

/**
 * Takes a command: writes it, an entry for each agent and an item on every lane of each, all in one batch, so that the order
 * of items is the order of acceptance and there is no half of a command. One agent's fault never stops the others.
 * Throws `unavailable` when the Store cannot say.
 */
export async function accept(store: Store, roster: Roster, request: CommandRequest): Promise<Acceptance> {
  demandSense(request)
  const full = new Set<string>()
  const searches = new Map<string, PlaceSearch>()
  for (;;) {
    const asked = request.agents ?? (await namesOfAble(roster, request))
    const answers = await Promise.all(
      asked.map(async (name) => {
        const agent = await roster.find(name)
        return { name, agent, error: full.has(name) ? fullQueue(name) : objection(name, agent, request) }
      }),
    )
    const statusList: AgentStatus[] = answers.map(({ name, error }) =>
      error === undefined
        ? { agent: name, status: 'queued' }
        : { agent: name, status: 'error', error: errorView(error) },
    )
    const takers = answers.flatMap(({ agent, error }) => (error === undefined && agent !== undefined ? [agent] : []))
    if (takers.length === 0) {
      const error = answers[0]?.error ?? new ReplicationError('conflict', 'no enabled agent can take this command')
      return { taken: false, error, statusList }
    }
    const now = new Date().toISOString()
    const command = commandFrom(request, nextId(), now, statusList, takers.length)
    const parts = await Promise.all(
      takers.map(async (agent) => {
        const queues = queuesFor(agent, request)
        const known = `${agent.name}/${agent.version}`
        const search = searches.get(known) ?? new PlaceSearch(store, agent, queues, request.paths)
        searches.set(known, search)
        return partOf(agent, command, request.package, queues, await search.find())
      }),
    )
    const feed = await feedOf(store, request.feed)
    const alongside = request.alongside?.(command)
    const packageKept =
      request.package === undefined ? undefined : await store.get<PackageRecord>(packageKey(request.package.id))
    if (request.package !== undefined && packageKept === undefined)
      throw new ReplicationError('missing', `there is no package ${request.package.id}`)
    const result = await store.commit({
      checks: [
        ...(packageKept === undefined ? [] : [{ key: packageKept.key, version: packageKept.version }]),
        ...feed.checks,
        ...(alongside?.checks ?? []),
        ...parts.flatMap(({ checks }) => checks),
      ],
      writes: [
        { put: commandKey(command.id), value: command },
        ...parts.flatMap(({ writes }) => writes),
        ...feed.writes,
        ...alsoOf(packageKept?.value, takers),
        ...(alongside?.writes ?? []),
      ],
    })
    if (result.ok) return { taken: true, command }
    const { failed } = result
    if (alongside?.checks.some(({ key }) => key === failed) === true) return { taken: false, lost: true }
    const crowded = takers.find((agent) => agent.queues.some((queue) => sizeKey(laneOf(agent, queue)) === failed))
    if (crowded !== undefined) full.add(crowded.name)
  }
}

async function namesOfAble(roster: Roster, request: CommandRequest): Promise<string[]> {
  const names: string[] = []
  for await (const agent of roster.all())
    if (request.refusal?.(agent.name) === undefined && ability(agent, request) === undefined) names.push(agent.name)
  return names
}

function laneOf(agent: Agent, queue: string): { agent: string; queue: string } {
  return { agent: agent.name, queue }
}

function fullQueue(name: string): ReplicationError {
  return new ReplicationError('busy', `a queue of agent ${name} is full; try again later`, {
    retryAfterMs: fullQueueRetryMs,
  })
}

/** Why this agent cannot take a command of this kind at all. */
export function ability(
  agent: Agent,
  { kind, action }: Pick<CommandRequest, 'kind' | 'action'>,
): ReplicationError | undefined {
  const { config } = agent
  if (!config.enabled)
    return new ReplicationError('conflict', `agent ${agent.name} is disabled`, { retryAfterMs: disabledRetryMs })
  if (kind !== 'import' && action !== 'test' && config.source === undefined)
    return new ReplicationError('conflict', `agent ${agent.name} has no source: it only imports`)
  if (kind !== 'import' && action !== 'test' && agent.puller !== undefined)
    return new ReplicationError(
      'conflict',
      `agent ${agent.name} takes what another server queues: it has nothing to read`,
    )
  if (kind !== 'export' && agent.queues.length === 0)
    return new ReplicationError('conflict', `agent ${agent.name} has no target`)
  return undefined
}

function objection(name: string, agent: Agent | undefined, request: CommandRequest): ReplicationError | undefined {
  const refusal = request.refusal?.(name)
  if (refusal !== undefined) return refusal
  if (agent === undefined) return new ReplicationError('missing', `no agent is named ${name}`)
  const unable = ability(agent, request)
  if (unable !== undefined) return unable
  const outside = request.paths.find((path) => !agent.config.roots.some((root) => isWithin(path, root)))
  if (outside !== undefined)
    return new ReplicationError('invalid', `path ${outside} is outside the roots of agent ${name}`, {
      faults: [{ pointer: `/paths/${request.paths.indexOf(outside)}`, message: `is outside the roots of ${name}` }],
    })
  const unfit = mirrorObjection(agent, request.package, queuesFor(agent, request)) ?? lackObjection(agent, request)
  if (unfit !== undefined) return unfit
  return request.package && importObjection(agent.config, { signatures: [], ...request, id: request.package.id })
}

function commandFrom(
  request: CommandRequest,
  id: string,
  createdAt: string,
  statusList: readonly AgentStatus[],
  takers: number,
): Command {
  const { kind, action, paths, deep, mode, actor, caller } = request
  return {
    ...{ id, kind, action, paths, deep, mode, actor, createdAt, state: 'queued', statusList },
    ...strictnessOf(request),
    ...(caller !== undefined && { caller }),
    counts: { queued: takers },
    ...(request.feed !== undefined && { delivery: request.feed.delivery }),
    ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
    ...(request.cause !== undefined && { cause: request.cause }),
    ...(request.application !== undefined && { application: request.application }),
    ...(request.approval !== undefined && { approval: { state: request.approval } }),
  }
}

/** Those that hold an item of the command: none for an export, and a test passes by the queues. */
function queuesFor(agent: Agent, { kind, action, targets }: CommandRequest): readonly string[] {
  if (kind === 'export' || action === 'test') return []
  return targets === undefined ? agent.queues : agent.queues.filter((queue) => targets.includes(queue))
}

/** One agent's part: its entry in the history, its deliveries, and their items. */
function partOf(
  agent: Agent,
  command: Command,
  pkg: PackageRecord | undefined,
  queues: readonly string[],
  place: Placing,
): { checks: Check[]; writes: Write[] } {
  const targets = command.action === 'test' ? agent.targets : queues
  const { id, kind, createdAt } = command
  const waits = command.approval?.state === 'needed'
  const entry: HistoryEntry = {
    ...{ command: id, agent: agent.name, kind, status: 'queued', createdAt },
    ...{ stage: pkg === undefined ? 'preparing' : 'ready', exports: 0 },
    ...(pkg !== undefined && { package: pkg.id, readyAt: createdAt }),
    ...{ entries: pkg?.entries ?? 0, bytes: pkg?.bytes ?? 0 },
    ...{ targets, counts: targets.length === 0 ? {} : { queued: targets.length } },
  }
  const checks: Check[] = [{ key: agent.key, version: agent.version }, ...place.checks]
  const about = { at: createdAt, agent: agent.name, command: id, ...traceIdIn(command.traceparent) }
  const writes: Write[] = [
    { put: entryKey(id, agent.name), value: entry },
    { put: historyKey(agent.name, kind, id), value: { status: 'queued' } satisfies HistoryMark },
    { add: totalKey(agent.name, 'commands'), amount: 1 },
    ...eventWrites({
      type: 'command.accepted',
      ...about,
      actor: command.actor,
      data: { kind, action: command.action },
    }),
    ...(pkg === undefined
      ? [{ put: preparingKey(id, agent.name), value: { command: id, agent: agent.name } satisfies Preparing }]
      : [
          ...[packageUsesKey, packageEntriesKey].map((counter) => ({ add: counter(pkg.id), amount: 1 })),
          ...eventWrites(packageReady(about, pkg)),
        ]),
    ...place.writes,
  ]
  for (const target of targets) {
    const delivery: Delivery = {
      ...{ command: id, agent: agent.name, target, state: 'queued', active: false, attempts: 0, tries: [] },
      ...(queues.includes(target) && !waits && { queue: target }),
    }
    writes.push({ put: deliveryKey(id, agent.name, target), value: delivery })
  }
  for (const queue of waits ? [] : queues) {
    const lane = laneOf(agent, queue)
    checks.push({ key: sizeKey(lane), atMost: agent.config.queue.limit - 1 })
    writes.push(...enqueue(lane, { command: id, target: queue, enqueuedAt: createdAt }, place.ranks.get(queue)))
  }
  return { checks, writes }
}

function packageReady(
  about: Omit<ReplicationEvent, 'type' | 'data'>,
  { id, entries, bytes }: PackageRecord,
): ReplicationEvent {
  return { type: 'package.ready', ...about, data: { package: id, entries, bytes } }
}
