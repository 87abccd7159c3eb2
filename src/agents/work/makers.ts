import type { Source } from '../../endpoints/endpoint.ts'
import type { ManifestHeader, PackageOrigin, PackageSummary } from '../../packages/manifest.ts'
import type { PartLimits, Tally } from '../../packages/part-limits.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change } from '../../resources/resource.ts'
import type { Progress } from '../commands/advance.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { askAhead, deltaParts, fewOf, isLarge, knownOfAll, mayBeDelta, type Carries, type MakePart } from './delta.ts'
import { isListed } from './listed-parts.ts'
import type { Notes } from './notes.ts'
import { inParts } from './split.ts'

export interface Making {
  readonly header: ManifestHeader
  /** Of all parts where there are several, if its mode is another; else of all but the first. */
  readonly headerBehind?: ManifestHeader
  /** What is left out, where the header does not say so. */
  readonly filters?: readonly Filter[] | undefined
  readonly origin: PackageOrigin
  readonly limits: PartLimits
  readonly tally: Tally
  readonly notes: Notes
  /** Told when only what differs is sent: how much that is, which is counted on. */
  readonly differs: (carries: Carries) => void
}

/** What makes one part of an agent's tree after the other, at least one; each is to be made before the next is asked for. */
export async function* makersOf(
  parts: Parts,
  agent: Agent,
  begun: Progress,
  making: Making,
  signal: AbortSignal,
): AsyncGenerator<MakePart, void, void> {
  const { header, headerBehind = header, origin, limits, tally, notes, differs } = making
  const { action, deep, verify = false } = begun.command
  const { roots } = header
  const note = (text: string): void => notes.add(text)
  const filters = header.filters ?? making.filters ?? agent.config.filters
  const source = action === 'delete' ? undefined : agent.source()
  if (source !== undefined && isListed(source) && mayBeDelta(agent, begun)) {
    // Of a mirror it is known at once whether it was large.
    const isMirror = header.mode === 'mirror'
    let known = isMirror ? await knownOfAll(parts, agent, begun, roots) : undefined
    if (known?.every(isLarge) !== true) {
      const few = await fewOf(additions(source, roots, { deep, filters, note }, signal))
      if (few !== undefined) {
        yield* writingEach(parts, few, making, signal)
        return
      }
      notes.forget()
      if (!isMirror) known = await knownOfAll(parts, agent, begun, roots)
    }
    if (known !== undefined) {
      if (isMirror) await askAhead(parts, agent, begun, roots, known, signal)
      const carries = { files: 0, bytes: 0 }
      differs(carries)
      const order = { source, known, header, headerBehind, origin, filters, limits, verify, note, tally, carries }
      yield* deltaParts(parts, { ...order, temporary: () => parts.packages.temporary() }, signal)
      return
    }
  }
  const reading = await source?.inThread?.(roots, { deep, filters })
  if (reading !== undefined) {
    const made = parts.packages.writeParts(header, reading, origin, {
      ...{ headerBehind, partLimits: limits, note, tally, signal },
    })
    yield* makingEach(made)
    return
  }
  const changes =
    source === undefined ? deletions(roots, deep, agent) : additions(source, roots, { deep, filters, note }, signal)
  yield* writingEach(parts, changes, making, signal)
}

async function* writingEach(
  { packages }: Parts,
  changes: AsyncIterable<Change>,
  { header, headerBehind = header, origin, limits, tally }: Making,
  signal: AbortSignal,
): AsyncGenerator<MakePart, void, void> {
  let own = header
  for await (const part of inParts(changes, limits, tally)) {
    const its = own
    // The first may be all.
    const decide = its.mode === headerBehind.mode ? undefined : () => (part.more() ? headerBehind : its)
    yield () => packages.write(its, part, origin, signal, { decide })
    own = headerBehind
  }
}

async function* makingEach(
  made: AsyncGenerator<{ readonly part: PackageSummary; readonly more: boolean }, void, void>,
): AsyncGenerator<MakePart, void, void> {
  try {
    for (let isMore = true; isMore;)
      yield async () => {
        const { value } = await made.next()
        if (value === undefined) throw new Error('a part is made when its turn has come, once')
        isMore = value.more
        return value.part
      }
  } finally {
    await made.return()
  }
}

async function* deletions(roots: readonly ResourcePath[], deep: boolean, agent: Agent): AsyncGenerator<Change> {
  for (const path of roots) if (agent.includes(path)) yield { kind: 'delete', path, deep }
}

async function* additions(
  source: Source,
  roots: readonly ResourcePath[],
  options: { readonly deep: boolean; readonly filters: readonly Filter[]; readonly note: (text: string) => void },
  signal: AbortSignal,
): AsyncGenerator<Change, void, void> {
  const { deep, filters, note } = options
  for (const root of roots)
    for await (const resource of source.read(root, { deep, includes: includes(filters), signal, note }))
      yield { kind: 'put', resource }
}
