import { errorView, isTransient, ReplicationError } from '../errors.ts'
import type { ManifestHeader, PackageSummary } from '../packages/manifest.ts'
import type { PackageStore } from '../packages/store.ts'
import { backoffMs } from '../queues/backoff.ts'
import { dequeue, itemOf } from '../queues/lanes.ts'
import { comparePaths, outermost, type ResourcePath } from '../resources/path.ts'
import type { Change } from '../resources/resource.ts'
import { scan, below, type Check, type Entry, type Store, type Write } from '../state/store.ts'
import { advance, type Step } from './advance.ts'
import type { Parts } from './parts.ts'
import { deliveryKey, entryKey, packageKey, type Command, type Delivery, type HistoryEntry } from './records.ts'
import type { Agent } from './roster.ts'
import { runTest } from './target-test.ts'

/** How many notes an entry keeps; the last of them says how many more there were. */
const maxNotes = 20

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
): Promise<number | undefined> {
  const { store } = parts
  const entry = (await store.get<HistoryEntry>(entryKey(commandId, agentName)))?.value
  if (entry === undefined || entry.stage !== 'preparing') return undefined
  const agent = await parts.roster.find(agentName)
  if (agent === undefined) {
    await fail(parts, commandId, agentName, new ReplicationError('missing', `agent ${agentName} was deleted`))
    return undefined
  }
  if (!agent.config.enabled) return undefined
  if (entry.nextExportAt !== undefined && Date.parse(entry.nextExportAt) > Date.now())
    return Date.parse(entry.nextExportAt)
  const begun = await advance(store, commandId, agentName, ({ entry: { stage, exports } }) =>
    stage === 'preparing' ? { entry: { exports: exports + 1, nextExportAt: undefined } } : undefined,
  )
  if (begun === undefined) return undefined
  const log = parts.log.child({ command: commandId, agent: agentName })
  try {
    if (begun.command.action === 'test') {
      await runTest(parts, agent, begun.command, signal)
      return undefined
    }
    const notes = new Notes()
    const startedAt = performance.now()
    const summary = await writeExport(parts, agent, begun.command, notes, signal)
    log.info({ package: summary.id, entries: summary.entries, bytes: summary.bytes }, 'package ready')
    parts.metrics.exported(agentName, (performance.now() - startedAt) / 1000)
    await finish(parts, begun.command, agent, summary, notes)
    await parts.wakeLanes(agent)
    return undefined
  } catch (error) {
    if (signal.aborted) throw error
    const attempts = begun.entry.exports
    log.warn({ err: error, attempts }, 'export failed')
    if (!isTransient(error) || attempts >= agent.config.queue.attempts) {
      await fail(parts, commandId, agentName, error)
      await parts.wakeLanes(agent)
      return undefined
    }
    const again = Date.now() + backoffMs(attempts, agent.config.queue.backoff)
    await advance(store, commandId, agentName, ({ entry }) =>
      entry.stage === 'preparing'
        ? {
            entry: { nextExportAt: new Date(again).toISOString(), error: errorView(error) },
            events: [{ type: 'export.retrying', data: { error: errorView(error), attempts } }],
          }
        : undefined,
    )
    return again
  }
}

async function writeExport(
  parts: { readonly packages: PackageStore; readonly installation: string },
  agent: Agent,
  command: Command,
  notes: Notes,
  signal: AbortSignal,
): Promise<PackageSummary> {
  const header: ManifestHeader = {
    format: 1,
    action: command.action === 'delete' ? 'delete' : 'add',
    mode: command.mode,
    roots: command.deep ? outermost(command.paths) : [...new Set(command.paths)].toSorted(comparePaths),
    ...(command.mode === 'mirror' && agent.config.filters.length > 0 && { filters: agent.config.filters }),
  }
  const origin = {
    ...{ installation: parts.installation, agent: agent.name, command: command.id, actor: command.actor },
    createdAt: new Date().toISOString(),
  }
  const changes =
    command.action === 'delete'
      ? deletions(header.roots, command.deep, agent)
      : additions(header.roots, command.deep, agent, notes, signal)
  return parts.packages.write(header, changes, origin, signal)
}

async function* deletions(roots: readonly ResourcePath[], deep: boolean, agent: Agent): AsyncGenerator<Change> {
  for (const path of roots) if (agent.includes(path)) yield { kind: 'delete', path, deep }
}

async function* additions(
  roots: readonly ResourcePath[],
  deep: boolean,
  agent: Agent,
  notes: Notes,
  signal: AbortSignal,
): AsyncGenerator<Change> {
  const source = agent.source()
  for (const root of roots)
    for await (const resource of source.read(root, {
      ...{ deep, includes: agent.includes, signal },
      note: (note) => notes.add(note),
    }))
      yield { kind: 'put', resource }
}

async function finish(parts: Parts, command: Command, agent: Agent, made: PackageSummary, notes: Notes): Promise<void> {
  const { id, action, mode, roots, entries, bytes, zipBytes } = made
  const known = await parts.store.get(packageKey(id))
  await advance(parts.store, command.id, agent.name, ({ entry }) => {
    if (entry.stage !== 'preparing') return undefined
    const record = {
      ...{ id, createdAt: new Date().toISOString(), agent: agent.name, command: command.id },
      ...{ action, mode, roots, entries, bytes, zipBytes },
    }
    return {
      entry: { stage: 'ready', package: id, entries, bytes, error: undefined, ...notes.asField() },
      writes: known === undefined ? [{ put: packageKey(id), value: record }] : [],
      events: [{ type: 'package.ready', data: { package: id, entries, bytes } }],
    }
  })
}

/** Ends one agent's part before anything of it was delivered: its deliveries fail with it, and leave their queues. */
async function fail(parts: Parts, commandId: string, agent: string, error: unknown): Promise<void> {
  const view = errorView(error)
  await advance(parts.store, commandId, agent, async ({ entry }) => {
    if (entry.stage !== 'preparing') return undefined
    const gone = await withdraw(parts.store, entry, (delivery) => ({ ...delivery, state: 'failed', error: view }))
    return {
      ...gone,
      entry: { stage: 'failed', error: view, nextExportAt: undefined },
      events: entry.targets.map((target) => ({ type: 'delivery.failed', target, data: { error: view } })),
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
    const { queue, nextAttemptAt: _, ...is } = after
    deliveries.push({ was, is: { ...is, active: false, finishedAt } })
    if (queue === undefined) continue
    const lane = { agent: entry.agent, queue }
    const item = await itemOf(store, lane, entry.command)
    if (item === undefined) continue
    const out = dequeue(lane, item)
    checks.push(...out.checks)
    writes.push(...out.writes)
  }
  return { deliveries, checks, writes }
}

class Notes {
  readonly #kept: string[] = []
  #more = 0

  add(note: string): void {
    if (this.#kept.length < maxNotes - 1) this.#kept.push(note)
    else this.#more++
  }

  asField(): { readonly notes?: readonly string[] } {
    if (this.#kept.length === 0) return {}
    return { notes: this.#more === 0 ? this.#kept : [...this.#kept, `and ${this.#more} more`] }
  }
}
