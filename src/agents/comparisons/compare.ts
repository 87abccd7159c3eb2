import { monotonicFactory } from 'ulid'
import type { Class } from '../../compare/classes.ts'
import { compared } from '../../compare/compare.ts'
import type { ComparedRow } from '../../compare/row.ts'
import type { SameRows } from '../../compare/compared-rows.ts'
import type { RowFiles } from '../../compare/row-files.ts'
import { rulesFor } from '../../compare/rules.ts'
import { Seal } from '../../compare/seal.ts'
import { only, sideOf, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { openBase, type BaseView } from './ancestors.ts'
import { driftOf, driftWrites } from './drift.ts'
import { comparisonKey, type Comparison, type ComparisonCounts } from './records.ts'

/** What a comparison is asked for. */
export interface ComparisonRequest {
  /** All roots of the agent when absent. */
  readonly paths?: readonly ResourcePath[]
  /** May be absent when there is only one. */
  readonly target?: string
  /** All content is read, also what is known of files that have not changed. */
  readonly verify?: boolean
  readonly actor: string
}

/** Something else than the agent's source, and what it has in common with the target: what a command has replaced. */
export interface Instead {
  readonly command: string
  readonly source: Side
  readonly base: Omit<BaseView, 'close' | 'isEmpty'>
  /** Nothing else is looked at. */
  readonly paths: readonly ResourcePath[]
}

/** How many notes a comparison keeps. */
const maxNotes = 20
/** Comparisons at the same time, on one server: each keeps both endpoints busy. */
const maxRunning = 4

const nextId = monotonicFactory()
let running = 0

/**
 * Reads both sides whole, changes nothing, and keeps what it has found. Throws `conflict` when the agent cannot compare, `invalid`
 * for paths outside its roots, `missing` for an unknown target, `busy`; what a side throws that cannot be read comes out as it is,
 * for a listing that is not complete says nothing.
 */
export async function compare(
  parts: Parts,
  agent: Agent,
  request: ComparisonRequest,
  signal: AbortSignal,
  instead?: Instead,
): Promise<Comparison> {
  if (running >= maxRunning)
    throw new ReplicationError('busy', `${maxRunning} comparisons are under way here; try again later`, {
      retryAfterMs: 5000,
    })
  running++
  try {
    return await make(parts, agent, request, signal, instead)
  } finally {
    running--
  }
}

async function make(
  parts: Parts,
  agent: Agent,
  request: ComparisonRequest,
  signal: AbortSignal,
  instead: Instead | undefined,
): Promise<Comparison> {
  const target = targetOf(agent, request.target)
  const paths = outermost(pathsOf(agent, request.paths))
  const notes: string[] = []
  const { verify = false } = request
  const note = (text: string): void => void (notes.length < maxNotes && notes.push(text))
  const sides = sidesOf(agent, target, { note, verify })
  const base = instead === undefined ? await openBase(parts, agent, target) : undefined
  const seals = { source: new Seal(), target: new Seal() }
  const counts = new Counter()
  try {
    const rows = compared({
      ...{ paths, signal, rules: rulesFor(agent.config), ...hintOf(agent) },
      ...{
        source: instead?.source ?? sides.source,
        target: instead ? only(instead.paths, sides.target) : sides.target,
      },
      base: instead?.base ?? (base as BaseView),
      ...(instead !== undefined && { allSelected: true }),
      seals,
    })
    const file = await counts.write(parts.rowFiles, rows)
    const createdAt = new Date().toISOString()
    const comparison: Comparison = {
      ...{ id: nextId(), agent: agent.name, target, paths, createdAt, actor: request.actor },
      ...{ sourceDigest: seals.source.digest(), targetDigest: seals.target.digest(), counts: counts.counts() },
      ...{ offered: seals.source.count, held: seals.target.count, rows: file },
      ...(instead !== undefined && { reverts: instead.command }),
      ...(verify && { verified: true as const }),
      ...(notes.length > 0 && { notes }),
    }
    await keep(parts, agent, comparison, counts.classes())
    return comparison
  } finally {
    await base?.close()
  }
}

/** In one batch with what it says of the target as a whole, where it has looked at all of it. */
async function keep({ store }: Parts, agent: Agent, comparison: Comparison, classes: Iterable<Class>): Promise<void> {
  const { id, target, createdAt: at, actor, counts, paths, reverts } = comparison
  const isWhole =
    reverts === undefined && agent.config.roots.every((root) => paths.some((path) => isWithin(root, path)))
  for (;;) {
    const drift = isWhole ? await driftWrites(store, comparison, driftOf(classes)) : { checks: [], writes: [] }
    const { ok } = await store.commit({
      checks: drift.checks,
      writes: [
        { put: comparisonKey(id), value: comparison },
        ...eventWrites({
          ...{ type: 'comparison.created', at, agent: agent.name, target, actor },
          data: { comparison: id, counts },
        }),
        ...drift.writes,
      ],
    })
    if (ok) return
  }
}

/** Both ends of an agent, as it sees them: what its filters keep out is on neither. Throws `conflict`. */
export function sidesOf(
  agent: Agent,
  target: string,
  { note, verify = false }: { readonly note?: (note: string) => void; readonly verify?: boolean } = {},
): { source: Side; target: Side } {
  const { holdings } = agent.target(target)
  if (holdings === undefined)
    throw new ReplicationError('conflict', `target ${target} of agent ${agent.name} cannot say what it holds`)
  const options = { verify, ...(agent.config.filters.length > 0 && { includes: agent.includes }) }
  return {
    get source() {
      return sideOf(agent.source(), { ...options, mustExist: true, ...(note !== undefined && { note }) })
    },
    target: sideOf(holdings, { ...options, mustExist: false }),
  }
}

/** Throws `invalid`, `missing`. */
export function targetOf(agent: Agent, asked: string | undefined): string {
  const [first, ...more] = agent.targets
  if (asked !== undefined) {
    if (agent.targets.includes(asked)) return asked
    throw new ReplicationError('missing', `agent ${agent.name} has no target ${asked}`)
  }
  if (first === undefined) throw new ReplicationError('conflict', `agent ${agent.name} has no target`)
  if (more.length === 0) return first
  throw new ReplicationError('invalid', `agent ${agent.name} has several targets: say which`, {
    faults: [{ pointer: '/target', message: `must be one of ${agent.targets.join(', ')}` }],
  })
}

function pathsOf(agent: Agent, asked: readonly ResourcePath[] | undefined): readonly ResourcePath[] {
  const { roots } = agent.config
  const outside = asked?.find((path) => !roots.some((root) => isWithin(path, root)))
  if (outside !== undefined)
    throw new ReplicationError('invalid', `path ${outside} is outside the roots of agent ${agent.name}`, {
      faults: [{ pointer: `/paths/${asked?.indexOf(outside)}`, message: `is outside the roots of ${agent.name}` }],
    })
  return asked ?? roots
}

/** What the kind of the source says of its contents. */
export function hintOf(agent: Agent): { hint?: 'openapi-path' } {
  return agent.config.source?.kind === 'openapi' ? { hint: 'openapi-path' } : {}
}

class Counter {
  #added = 0
  #existing = 0
  #changed = 0
  #deleted = 0
  #conflicts = 0
  readonly #classes = new Set<Class>()

  /** Answers the id of the file that has them. */
  async write(rowFiles: RowFiles, rows: AsyncIterable<ComparedRow | SameRows>): Promise<string> {
    const writer = await rowFiles.begin()
    try {
      for await (const row of rows) {
        if ('lines' in row) {
          await writer.addLines(row.lines)
          this.#existing += row.count
          this.#classes.add('same')
        } else {
          await writer.add(row)
          this.#count(row)
        }
      }
      return await writer.end()
    } finally {
      await writer.close()
    }
  }

  #count(row: ComparedRow): void {
    if (row.implied === true) return
    if (row.state === 'added') this.#added++
    else if (row.state === 'deleted') this.#deleted++
    else this.#existing++
    if (row.changed === true) this.#changed++
    if (row.class === 'conflict') this.#conflicts++
    this.#classes.add(row.class)
  }

  classes(): ReadonlySet<Class> {
    return this.#classes
  }

  counts(): ComparisonCounts {
    return {
      ...{ added: this.#added, existing: this.#existing, changed: this.#changed, deleted: this.#deleted },
      conflicts: this.#conflicts,
    }
  }
}
