import { ignoredGlobs } from '../../compare/rules.ts'
import { errorView, isTransient, ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageSummary } from '../../packages/manifest.ts'
import { backoffMs } from '../../queues/backoff.ts'
import type { Again } from '../../queues/work.ts'
import { dequeue, itemOf } from '../../queues/lanes.ts'
import { comparePaths, outermost } from '../../resources/path.ts'
import { scan, below, type Check, type Entry, type Store, type Write } from '../../state/store.ts'
import { span } from '../../tracing/span.ts'
import { advance, insist, type Progress, type Step } from '../commands/advance.ts'
import { keepPart, throwOthers } from './keep-part.ts'
import { writeMirror } from './mirror-export.ts'
import { writeApplication } from '../comparisons/export.ts'
import { exportHeadwayKey } from '../commands/headway.ts'
import { alsoOf } from '../package-owners.ts'
import type { Parts } from '../parts.ts'
import {
  commandKey,
  deliveryKey,
  entryKey,
  packageKey,
  packageRecord,
  rememberPackage,
  unqueued,
  type Command,
  type Delivery,
  type HistoryEntry,
  type PackageRecord,
} from '../commands/records.ts'
import type { Agent } from '../roster.ts'
import { makersOf } from './makers.ts'
import { Notes } from './notes.ts'
import { partLimits, type Made } from './split.ts'
import { runTest } from './target-test.ts'
import { exportTeller, type HeadwayTeller } from './tell-headway.ts'

/**
 * Makes the package of one agent's part of a command, if it is still to be made, and lets the lanes go on. What fails for a
 * passing reason is tried again with the agent's back-off, at most `queue.attempts` times; whatever else ends this part as
 * failed and takes its items out of the queues, so that later ones go on. Answers when to go on (ms since the epoch).
 */
export async function exportEntry(
  parts: Parts,
  commandId: string,
  agentName: string,
  signal: AbortSignal,
): Promise<Again | undefined> {
  const { store } = parts
  const entry = (await store.get<HistoryEntry>(entryKey(commandId, agentName)))?.value
  if (entry === undefined || entry.stage !== 'preparing') return undefined
  const agent = await parts.roster.find(agentName)
  if (agent === undefined) {
    await fail(parts, commandId, agentName, new ReplicationError('missing', `agent ${agentName} was deleted`))
    return undefined
  }
  if (!agent.config.enabled || (await isHeldBack(parts, commandId))) return undefined
  if (entry.nextExportAt !== undefined && Date.parse(entry.nextExportAt) > Date.now())
    return { at: Date.parse(entry.nextExportAt) }
  const begun = await advance(store, commandId, agentName, ({ entry: { stage, exports } }) =>
    stage === 'preparing'
      ? {
          entry: { exports: exports + 1, nextExportAt: undefined },
          // Whoever died in it may have left word of how far he was.
          ...(exports > 0 && { writes: [{ delete: exportHeadwayKey(commandId, agentName) }] }),
        }
      : undefined,
  )
  if (begun === undefined) return undefined
  let startedAt: number | undefined
  try {
    if (begun.command.action === 'test') {
      await runTest(parts, agent, begun.command, signal)
      return undefined
    }
    const notes = new Notes()
    startedAt = performance.now()
    const headway = exportTeller(parts, commandId, agentName, begun.entry.exports)
    const named = { agent: agentName, command: commandId, attempt: begun.entry.exports }
    const made = await span('export', named, begun.command.traceparent, async ({ note }) => {
      const written = await headway.during(writeExport(parts, agent, begun, { notes, headway }, signal))
      if (written !== undefined) note({ entries: written.whole.entries, bytes: written.whole.bytes })
      return written
    })
    // Somebody else makes it, or nobody wants it any more.
    if (made === undefined) return undefined
    parts.metrics.exported(agentName, 'ok', performance.now() - startedAt)
    startedAt = undefined
    await finish(parts, begun, agent, made, notes)
    await parts.wakeLanes(agent, commandId)
    return undefined
  } catch (error) {
    if (signal.aborted) throw error
    if (startedAt !== undefined) parts.metrics.exported(agentName, 'failed', performance.now() - startedAt)
    const attempts = begun.entry.exports
    if (!isTransient(error) || attempts >= agent.config.queue.attempts) {
      await fail(parts, commandId, agentName, error)
      await parts.wakeLanes(agent)
      return undefined
    }
    const again = Date.now() + backoffMs(attempts, agent.config.queue.backoff)
    const nextAttemptAt = new Date(again).toISOString()
    const view = errorView(error)
    await advance(store, commandId, agentName, ({ entry }) =>
      entry.stage === 'preparing' && entry.exports === attempts
        ? {
            entry: { nextExportAt: nextAttemptAt, error: view },
            events: [{ type: 'export.retrying', data: { attempts, error: view, nextAttemptAt } }],
          }
        : undefined,
    )
    return { at: again }
  }
}

/** Somebody must agree to it first; who does wakes this. */
async function isHeldBack({ store }: Parts, command: string): Promise<boolean> {
  return (await store.get<Command>(commandKey(command)))?.value.approval?.state === 'needed'
}

async function writeExport(
  parts: Parts,
  agent: Agent,
  begun: Progress,
  { notes, headway }: { readonly notes: Notes; readonly headway: HeadwayTeller },
  signal: AbortSignal,
): Promise<Made | undefined> {
  const { command, entry } = begun
  const header: ManifestHeader = {
    format: 1,
    action: command.action === 'delete' ? 'delete' : 'add',
    mode: command.mode,
    roots: command.deep ? outermost(command.paths) : [...new Set(command.paths)].toSorted(comparePaths),
    ...filtersOf(agent, command),
  }
  const origin = {
    ...{ installation: parts.installation, agent: agent.name, command: command.id, actor: command.actor },
    createdAt: new Date().toISOString(),
  }
  if (command.application !== undefined) return writeApplication(parts, agent, command, { header, origin }, signal)
  const tally = (entries: number, bytes: number): void => headway.is({ phase: 'reading', entries, bytes })
  let delta: Made['delta']
  const differs = (carries: NonNullable<Made['delta']>): void => void (delta = carries)
  const making = { header, origin, limits: partLimits, tally, notes, differs }
  if (command.mode === 'mirror') {
    const mirror = await writeMirror(parts, agent, begun, making, signal)
    return mirror && { ...mirror, delta }
  }
  const made: PackageSummary[] = []
  for await (const make of makersOf(parts, agent, begun, making, signal)) {
    // Another one follows: what is there may be delivered meanwhile.
    const last = made.at(-1)
    if (last !== undefined && !(await keepPart(parts, begun, agent, made.length, last))) return undefined
    made.push(await make())
  }
  const [only] = made
  // What an earlier try has delivered in parts stays in parts.
  if (only !== undefined && made.length === 1 && entry.made === undefined) return { whole: only, parts: made, delta }
  const lines = made.map(({ id, entries, bytes }) => ({ type: 'part' as const, package: id, entries, bytes }))
  return { whole: await parts.packages.writeIndex(header, lines, origin, signal), parts: made, delta }
}

/** What a mirror leaves alone at the target: what is kept out of the package, and what is not compared. */
function filtersOf({ config }: Agent, { mode }: Command): Pick<ManifestHeader, 'filters'> {
  if (mode !== 'mirror') return {}
  const filters = [...ignoredGlobs(config).map((exclude) => ({ exclude })), ...config.filters]
  return filters.length === 0 ? {} : { filters }
}

async function finish(parts: Parts, begun: Progress, agent: Agent, made: Made, notes: Notes): Promise<void> {
  const { command } = begun
  const { id, entries, bytes } = made.whole
  const maker = { agent: agent.name, command: command.id }
  const ready = async ({ entry }: Progress): Promise<Step | undefined> => {
    if (entry.stage !== 'preparing' || entry.exports !== begun.entry.exports) return undefined
    const thrown = await throwOthers(parts.store, entry, made.parts)
    const records = [...new Set([...made.parts, made.whole])].map((one) => packageRecord(one, maker))
    const known = await parts.store.getAll<PackageRecord>(records.map((record) => packageKey(record.id)))
    return {
      entry: {
        ...{ stage: 'ready', package: id, entries, bytes, error: undefined, ...notes.asField() },
        ...(made.whole.parts !== undefined && { parts: made.parts.length }),
        ...(made.delta !== undefined && { delta: made.delta }),
        ...thrown?.entry,
      },
      ...(thrown !== undefined && { deliveries: thrown.deliveries }),
      // One that another export makes known at the same moment makes this batch fail, and it is looked at again.
      checks: [
        ...records.map(({ id: one }, i) => ({ key: packageKey(one), version: known[i]?.version ?? null })),
        ...(thrown?.checks ?? []),
      ],
      writes: records.flatMap((record, i) => {
        const held = known[i]
        return held === undefined ? rememberPackage(record) : alsoOf(held.value, [agent])
      }),
      events: [{ type: 'package.ready', data: { package: id, entries, bytes } }],
    }
  }
  await insist(parts.store, command.id, agent.name, ready)
}

/**
 * Ends one agent's part before all of it was there: its deliveries fail with it, whatever parts they have applied, and leave their
 * queues, error queues too. Those that somebody has taken out before stay as he decided.
 */
async function fail(parts: Parts, commandId: string, agent: string, error: unknown): Promise<void> {
  const view = errorView(error)
  await insist(parts.store, commandId, agent, async ({ entry }) => {
    if (entry.stage !== 'preparing') return undefined
    const gone = await withdraw(parts.store, entry, (delivery) =>
      delivery.state === 'queued' || delivery.queue !== undefined
        ? { ...delivery, state: 'failed', error: view }
        : undefined,
    )
    return {
      ...gone,
      entry: { stage: 'failed', error: view, nextExportAt: undefined },
      events: [
        { type: 'export.failed', data: { attempts: entry.exports, error: view } },
        ...gone.deliveries.map(({ is: { target, applied } }) => ({
          ...{ type: 'delivery.failed' as const, target },
          data: { error: view, ...(applied !== undefined && { applied }) },
        })),
      ],
    }
  })
}

/** Takes what is left of an entry's items out of the queues; `ended` says what becomes of each delivery. */
export async function withdraw(
  store: Store,
  entry: HistoryEntry,
  ended: (delivery: Delivery) => Delivery | undefined,
): Promise<Required<Pick<Step, 'deliveries' | 'checks' | 'writes'>>> {
  const deliveries: { was: Entry<Delivery>; is: Delivery }[] = []
  const checks: Check[] = []
  const writes: Write[] = []
  const finishedAt = new Date().toISOString()
  for await (const was of scan<Delivery>(store, below(deliveryKey(entry.command, entry.agent, '')))) {
    const after = ended(was.value)
    if (after === undefined) continue
    deliveries.push({ was, is: { ...unqueued(after), active: false, finishedAt } })
    if (after.queue === undefined) continue
    const lane = { agent: entry.agent, queue: after.queue }
    const item = await itemOf(store, lane, entry.command)
    if (item === undefined) continue
    const out = dequeue(lane, item)
    checks.push(...out.checks)
    writes.push(...out.writes)
  }
  return { deliveries, checks, writes }
}
