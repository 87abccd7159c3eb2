import type { BaseRow } from '../../compare/ancestor.ts'
import type { RowWriter } from '../../compare/row-files.ts'
import type { Touched } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import { hasSurplus } from '../../endpoints/mirror.ts'
import { placedLines, PlacedSearch } from '../../packages/placed-lines.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Change } from '../../resources/resource.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import type { Begun } from '../work/begin.ts'
import { knownAt, openBase } from './ancestors.ts'
import { keepPackage } from './keep.ts'
import { knownOf, type KnownWhole } from './known.ts'
import { baseKey, replacedKey, type BaseRecord, type Replaced } from './records.ts'
import { touchedAt, type MirrorOf } from './touched.ts'

/**
 * Keeps what a mirror is about to replace or remove, so that it can be taken back; where that is nothing, nothing is kept. A try that has been
 * here before finds that done; a target that cannot say what it holds is mirrored without.
 */
export async function keepMirrored(parts: Parts, begun: Begun, mirror: MirrorOf, signal: AbortSignal): Promise<void> {
  const { agent, delivery, progress } = begun
  const { target } = delivery
  // It has applied it in an earlier try, and that has kept it.
  if (isApplied(agent, target, mirror)) return
  const key = replacedKey(progress.command.id, agent.name, target)
  if (agent.target(target).holdings === undefined || (await parts.store.get(key)) !== undefined) return
  const { roots } = mirror.header
  try {
    const known = (await knownOf(parts, agent, target, roots))?.whole
    const asked = (listing: string): Promise<boolean | undefined> => parts.roster.asked.answer(begun.id, listing)
    const touched = touchedAt(agent, target, { ...mirror, asked }, known, signal)
    try {
      const first = await touched.next()
      if (first.done === true) return
      const written = await parts.rowFiles.begin()
      try {
        const changes = changesOf(first.value, touched, written)
        await keepPackage(
          parts,
          begun,
          { roots, changes, signal },
          async (undo): Promise<{ put: string; value: Replaced }> => {
            const rows = await written.end()
            const rebaseBack = await parts.rowFiles.write(baseAt(parts, begun, known, rows))
            const where = { command: progress.command.id, agent: agent.name, target }
            return { put: key, value: { ...where, undo, written: rows, rebaseBack } }
          },
        )
      } finally {
        await written.close()
      }
    } finally {
      await touched.return()
    }
  } catch (error) {
    // An older server has no way to say what it holds.
    if (!(error instanceof ReplicationError) || !['missing', 'conflict', 'rejected'].includes(error.code)) throw error
    parts.log.warn({ agent: agent.name, target, err: error }, 'nothing is kept of what the mirror replaces')
  }
}

/** Whoever makes surveys makes none of that. */
function isApplied(agent: Agent, target: string, { header, survey }: MirrorOf): boolean {
  return hasSurplus(header) && agent.target(target).survey !== undefined && survey === undefined
}

/** As they are told, they are written down too. */
async function* changesOf(
  first: readonly Touched[],
  others: AsyncIterable<readonly Touched[]>,
  written: RowWriter,
): AsyncGenerator<Change, void, void> {
  const change = async ({ path, was }: Touched): Promise<Change> => {
    await written.add({ path })
    return was === undefined ? { kind: 'delete', path, deep: false } : { kind: 'put', resource: was }
  }
  for (const touched of first) yield change(touched)
  for await (const some of others) for (const touched of some) yield change(touched)
}

/** What was in common before: as the newest receipt says it, where that is enough, for to write it all down takes longer than the mirror. */
async function* baseAt(
  parts: Parts,
  { agent, delivery: { target } }: Begun,
  known: KnownWhole | undefined,
  written: string,
): AsyncGenerator<BaseRow, void, void> {
  const record = (await parts.store.get<BaseRecord>(baseKey(agent.name, target)))?.value
  if (known !== undefined && record?.keepsDocuments !== true) return yield* rowsAt(parts, known, written)
  const base = await openBase(parts, agent, target, { keepDocuments: false })
  try {
    yield* knownAt(base, pathsIn(parts, written))
  } finally {
    await base.close()
  }
}

async function* rowsAt(parts: Parts, known: KnownWhole, written: string): AsyncGenerator<BaseRow, void, void> {
  const search = new PlacedSearch(placedLines(await known.files()))
  const { command } = known
  try {
    for await (const { path } of pathsIn(parts, written)) {
      const found = await search.at(path)
      if (found === undefined) yield { path }
      else if (found.entry.type !== 'file') yield { path, folder: true, command }
      else {
        const { digest, size } = found.entry
        // Where a delta has a content from is not known without the receipts before it.
        yield { path, digest, size, ...(!found.delta && { package: found.package }), command }
      }
    }
  } finally {
    await search.close()
  }
}

async function* pathsIn({ rowFiles }: Parts, written: string): AsyncGenerator<{ readonly path: ResourcePath }> {
  for await (const { row } of rowFiles.read<{ path: ResourcePath }>(written)) yield row
}
