import type { BaseRow } from '../../compare/ancestor.ts'
import { Ordered } from '../../compare/ordered.ts'
import { packageSide, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { openPackage } from '../../packages/read.ts'
import { comparePaths, type ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import { entryKey, type Command, type HistoryEntry } from '../commands/records.ts'
import { packageOf } from '../packages.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'
import { applicationOf, comparisonOf, moved, sealOfTarget } from './apply.ts'
import { verified } from './changes.ts'
import { changesBy, deliveredAs, rowsAfter } from './brought.ts'
import { compare, sidesOf, type Instead } from './compare.ts'
import { checkHalfApplied } from './half-applied.ts'
import { keepPackage } from './keep.ts'
import { keptOf } from './kept.ts'
import { PackageContents } from './package-contents.ts'
import { foldersOf, plannedRows } from './plan.ts'
import { applicationKey, type Application, type Comparison } from './records.ts'

/**
 * Before the first resource is written: the target must be as it was compared, and what it holds where something will be written is
 * kept. A later try finds that done, and looks at what is planned alone. Throws `conflict` for good when the target has moved.
 */
export async function keepReplaced(parts: Parts, begun: Begun, signal: AbortSignal): Promise<void> {
  const { agent, progress } = begun
  const { command } = progress
  const application = await applicationOf(parts, command.id)
  const comparison = await comparisonOf(parts, application.comparison)
  if (application.undo !== undefined) {
    const packages = await packagesOf(parts, progress.entry)
    await checkHalfApplied(parts, agent, comparison, application, packages, signal)
    return
  }
  if ((await sealOfTarget(parts, agent, comparison, signal)) !== comparison.targetDigest) throw movedForGood()
  const { target } = sidesOf(agent, comparison.target)
  const changes = replacedBy(parts, application, target, signal)
  await keepPackage(parts, begun, { roots: comparison.paths, changes, signal }, (undo) => ({
    put: applicationKey(command.id),
    value: { ...application, undo } satisfies Application,
  }))
}

/** What an application was made into, in the order in which it is applied. */
async function packagesOf({ packages }: Parts, { package: made }: HistoryEntry): Promise<readonly PackageId[]> {
  if (made === undefined) return []
  const { parts: several } = await packages.describe(made)
  return several ?? [made]
}

/** Trying again cannot help. */
const movedForGood = (): ReplicationError => moved('target', { final: true })

async function* replacedBy(
  parts: Parts,
  application: Application,
  target: Side,
  signal: AbortSignal,
): AsyncGenerator<Change> {
  const paths: ResourcePath[] = []
  for await (const row of plannedRows(parts, application.plan))
    if (row.write !== 'nothing' && row.target !== undefined) paths.push(row.path)
  const folders = await foldersOf(parts, application.plan, 'gone')
  const held = new Ordered(target.pick(paths, signal), ({ path }: Resource) => path)
  let next = 0
  const foldersUntil = function* (path?: ResourcePath): Generator<Change> {
    for (; next < folders.length; next++) {
      const folder = folders[next] as ResourcePath
      if (path !== undefined && comparePaths(folder, path) >= 0) return
      yield { kind: 'put', resource: { path: folder } }
    }
  }
  try {
    for await (const { path, write, target: was } of plannedRows(parts, application.plan)) {
      if (write === 'nothing') continue
      yield* foldersUntil(path)
      if (was === undefined) {
        yield { kind: 'delete', path, deep: false }
        continue
      }
      const resource = await held.at(path)
      if (resource === undefined || (resource.content === undefined) !== (was.folder === true)) throw movedForGood()
      const { content } = resource
      yield {
        kind: 'put',
        resource: { path, ...(content && { content: verified(content, was.digest, movedForGood) }) },
      }
    }
    yield* foldersUntil()
  } finally {
    await held.close()
  }
}

/** Which of several a command is taken back at. */
export interface RevertRequest {
  readonly agent?: string
  readonly target?: string
  readonly actor: string
}

/**
 * A comparison whose application takes back what the command has replaced. Throws `missing`; `conflict` when the command has
 * replaced nothing that is kept, or has not ended; `invalid` when it is not clear where.
 */
export async function revert(
  parts: Parts,
  command: Command,
  { actor, ...where }: RevertRequest,
  signal: AbortSignal,
): Promise<Comparison> {
  if (command.finishedAt === undefined)
    throw new ReplicationError('conflict', `command ${command.id} has not ended: cancel it, or wait`)
  const { agent: name, target, undo, paths } = await keptOf(parts, command.id, where)
  const agent = await parts.roster.get(name)
  const replaced = await openPackage(await parts.packages.file((await packageOf(parts, undo)).id))
  const known = new Set(paths)
  const contents = new PackageContents(parts)
  try {
    const instead: Instead = {
      ...{ command: command.id, paths, source: packageSide(replaced) },
      base: {
        rows: () => appliedBy(parts, command, name),
        covers: (path) => known.has(path),
        content: (row) => contents.of(row),
      },
    }
    return await compare(parts, agent, { paths: command.paths, target, actor }, signal, instead)
  } finally {
    await Promise.all([replaced.close(), contents.close()])
  }
}

/** What the target held once the command had been applied, in path order. */
async function* appliedBy(parts: Parts, { id }: Command, agent: string): AsyncGenerator<BaseRow> {
  const entry = (await parts.store.get<HistoryEntry>(entryKey(id, agent)))?.value
  if (entry?.package === undefined) return
  const delivered = await deliveredAs(parts, entry.package)
  // A mirror may be a large tree. What applies a comparison makes room first, so that its parts are in no order.
  if (delivered.header.mode === 'mirror') yield* rowsAfter(parts, delivered, nothing(), { command: id })
  else yield* (await changesBy(parts, delivered, { command: id })).rows()
}

async function* nothing(): AsyncGenerator<never> {
  // There was nothing before.
}
