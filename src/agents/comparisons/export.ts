import type { BaseRow } from '../../compare/ancestor.ts'
import type { ComparedRow } from '../../compare/row.ts'
import { Ordered } from '../../compare/ordered.ts'
import { rulesFor } from '../../compare/rules.ts'
import { packageSide, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageOrigin, PackageSummary } from '../../packages/manifest.ts'
import { openPackage } from '../../packages/read.ts'
import { comparePaths, isWithin, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Change } from '../../resources/resource.ts'
import type { Command } from '../commands/records.ts'
import { packageOf } from '../packages.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { inParts, partLimits, type Made } from '../work/split.ts'
import { applicationEntry, comparisonOf, moved, sealOfSource } from './apply.ts'
import { knownAt, openBase, type BaseView } from './ancestors.ts'
import { changesOf } from './changes.ts'
import { sidesOf } from './compare.ts'
import { keptOf } from './kept.ts'
import { foldersOf, plannedRows } from './plan.ts'
import { applicationKey, type Application, type Comparison } from './records.ts'

/**
 * Makes the package of what was chosen of a comparison, and with it what the base becomes and what it was. Throws `conflict` when the
 * source, or what is merged of the target, is no longer what was compared.
 */
export async function writeApplication(
  parts: Parts,
  agent: Agent,
  command: Command,
  { header, origin }: { readonly header: ManifestHeader; readonly origin: PackageOrigin },
  signal: AbortSignal,
): Promise<Made> {
  const { value: application, version } = await applicationEntry(parts, command.id)
  const comparison = await comparisonOf(parts, application.comparison)
  const from = await sourceOf(parts, agent, comparison, signal)
  const base = await openBase(parts, agent, comparison.target)
  const [rebase, rebaseBack, results] = await Promise.all([
    parts.rowFiles.begin(),
    parts.rowFiles.begin(),
    parts.rowFiles.begin(),
  ])
  try {
    const { target } = sidesOf(agent, comparison.target)
    const writing = {
      ...{ parts, agent, source: from.side, target, base, rebase, results, application, signal },
      reverts: comparison.reverts,
    }
    const made: PackageSummary[] = []
    for await (const part of inParts(await changesOf(writing), partLimits))
      made.push(await parts.packages.write(header, part, origin, signal))
    for (const folders of await foldersThatGo(parts, application))
      made.push(await parts.packages.write(header, deletions(folders), origin, signal))
    for await (const row of knownAt(base, plannedRows(parts, application.plan))) await rebaseBack.add(row)
    const others =
      comparison.reverts === undefined
        ? onNeither(parts, agent, comparison, base)
        : backTo(parts, application, comparison)
    for await (const row of others) await rebase.add(row)
    const after: Application = {
      ...application,
      ...{ rebase: await rebase.end(), rebaseBack: await rebaseBack.end(), results: await results.end() },
    }
    const { ok } = await parts.store.commit({
      checks: [{ key: applicationKey(command.id), version }],
      writes: [{ put: applicationKey(command.id), value: after }],
    })
    // Somebody else makes it too, and may have kept more since.
    if (!ok) throw new ReplicationError('conflict', 'the export was taken over', { transient: true })
    const [only] = made
    if (only !== undefined && made.length === 1) return { whole: only, parts: made }
    const lines = made.map(({ id, entries, bytes }) => ({ type: 'part' as const, package: id, entries, bytes }))
    return { whole: await parts.packages.writeIndex(header, lines, origin, signal), parts: made }
  } finally {
    await Promise.all([rebase.close(), rebaseBack.close(), results.close(), base.close(), from.close()])
  }
}

/** The agent's source as it was compared, or what the command has replaced that is to be undone. Throws `conflict`. */
async function sourceOf(
  parts: Parts,
  agent: Agent,
  comparison: Comparison,
  signal: AbortSignal,
): Promise<{ side: Side; close: () => Promise<void> }> {
  if (comparison.reverts !== undefined) {
    const { undo } = await keptOf(parts, comparison.reverts, comparison)
    const pkg = await openPackage(await parts.packages.file((await packageOf(parts, undo)).id))
    return { side: packageSide(pkg), close: () => pkg.close() }
  }
  if ((await sealOfSource(agent, comparison, signal)) !== comparison.sourceDigest) throw moved('source')
  return { side: sidesOf(agent, comparison.target).source, close: async () => undefined }
}

/** Folders are taken away behind all else, the innermost first: those at the same depth together. */
async function foldersThatGo(parts: Parts, application: Application): Promise<ResourcePath[][]> {
  const byDepth: ResourcePath[][] = []
  const add = (path: ResourcePath): void => void (byDepth[segmentsOf(path).length] ??= []).push(path)
  for await (const { path, write, target } of plannedRows(parts, application.plan))
    if (write === 'delete' && target?.folder === true) add(path)
  for (const path of await foldersOf(parts, application.plan, 'gone')) add(path)
  return byDepth
    .filter((paths) => paths !== undefined)
    .map((paths) => paths.toSorted(comparePaths))
    .toReversed()
}

async function* deletions(paths: readonly ResourcePath[]): AsyncGenerator<Change> {
  for (const path of paths) yield { kind: 'delete', path, deep: false }
}

/** What the base was, at all that is applied, before the command that is undone. */
async function* backTo(parts: Parts, application: Application, comparison: Comparison): AsyncGenerator<BaseRow> {
  const { rebaseBack } = await keptOf(parts, comparison.reverts ?? '', comparison)
  if (rebaseBack === undefined) return
  const rows = new Ordered(rowsOf(parts, rebaseBack), ({ path }: BaseRow) => path)
  try {
    for await (const { path } of plannedRows(parts, application.plan)) {
      const row = await rows.at(path)
      if (row !== undefined) yield row
    }
  } finally {
    await rows.close()
  }
}

/** What both sides have deleted is not in the comparison, and from now on both have nothing in common there. */
async function* onNeither(parts: Parts, agent: Agent, comparison: Comparison, base: BaseView): AsyncGenerator<BaseRow> {
  const { ignores } = rulesFor(agent.config)
  const compared = new Ordered(comparedIn(parts, comparison), ({ path }: ComparedRow) => path)
  try {
    for await (const { path, digest } of base.rows()) {
      if (digest === undefined || !comparison.paths.some((root) => isWithin(path, root))) continue
      if (ignores(path) || !agent.includes(path)) continue
      if ((await compared.at(path)) === undefined) yield { path }
    }
  } finally {
    await compared.close()
  }
}

async function* comparedIn({ rowFiles }: Parts, { rows }: Comparison): AsyncGenerator<ComparedRow> {
  for await (const { row } of rowFiles.read<ComparedRow>(rows)) yield row
}

async function* rowsOf({ rowFiles }: Parts, id: string): AsyncGenerator<BaseRow> {
  for await (const { row } of rowFiles.read<BaseRow>(id)) yield row
}
