import { differences, statesIn } from '../../compare/differences.ts'
import { Ordered } from '../../compare/ordered.ts'
import type { Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { includes } from '../../resources/glob.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'
import { knownAt, openBase } from './ancestors.ts'
import { sidesOf } from './compare.ts'
import { keepPackage } from './keep.ts'
import { replacedKey, type Replaced } from './records.ts'

/** What a mirror will change of a resource: before it is overwritten or goes, or that it was not there. */
interface Touched {
  readonly path: ResourcePath
  readonly was: 'held' | 'absent'
}

/**
 * Keeps what a mirror is about to replace or remove, so that it can be taken back. A try that has been here before finds that done; a
 * target that cannot say what it holds is mirrored without.
 */
export async function keepMirrored(
  parts: Parts,
  begun: Begun,
  file: PackageFile,
  paths: readonly ResourcePath[] | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { agent, delivery, progress } = begun
  const key = replacedKey(progress.command.id, agent.name, delivery.target)
  if (agent.target(delivery.target).holdings === undefined || (await parts.store.get(key)) !== undefined) return
  const { target } = sidesOf(agent, delivery.target)
  const pkg = await openPackage(file)
  const base = await openBase(parts, agent, delivery.target)
  try {
    const written = await parts.rowFiles.write(touchedBy(pkg, target, paths, signal))
    const changes = replaced(parts, written, target, signal)
    const rebaseBack = await parts.rowFiles.write(knownAt(base, touchedIn(parts, written)))
    const kept = (undo: string): Replaced => ({
      ...{ command: progress.command.id, agent: agent.name, target: delivery.target, undo, written, rebaseBack },
    })
    const roots = pkg.header.roots
    await keepPackage(parts, begun, { roots, changes, signal }, (undo) => ({ put: key, value: kept(undo) }))
  } catch (error) {
    // An older server has no way to say what it holds.
    if (!(error instanceof ReplicationError) || !['missing', 'conflict', 'rejected'].includes(error.code)) throw error
    parts.log.warn(
      { agent: agent.name, target: delivery.target, err: error },
      'nothing is kept of what the mirror replaces',
    )
  } finally {
    await Promise.all([pkg.close(), base.close()])
  }
}

async function* touchedBy(
  pkg: PackageReader,
  target: Side,
  paths: readonly ResourcePath[] | undefined,
  signal: AbortSignal,
): AsyncGenerator<Touched> {
  const { roots, filters = [] } = pkg.header
  const isWanted = (path: ResourcePath): boolean => paths?.some((root) => isWithin(path, root)) ?? true
  const isIncluded = includes(filters)
  for await (const { state, path } of differences(statesIn(pkg), target.list(roots, signal))) {
    if (!isWanted(path) || path === '/') continue
    if (state === 'added') yield { path, was: 'absent' }
    else if (state === 'changed' || (state === 'removed' && isIncluded(path))) yield { path, was: 'held' }
  }
}

async function* replaced(parts: Parts, written: string, target: Side, signal: AbortSignal): AsyncGenerator<Change> {
  const paths: ResourcePath[] = []
  for await (const { path, was } of touchedIn(parts, written)) if (was === 'held') paths.push(path)
  const held = new Ordered(target.pick(paths, signal), ({ path }: Resource) => path)
  try {
    for await (const { path, was } of touchedIn(parts, written)) {
      const resource = was === 'held' ? await held.at(path) : undefined
      if (resource === undefined) yield { kind: 'delete', path, deep: false }
      else yield { kind: 'put', resource }
    }
  } finally {
    await held.close()
  }
}

async function* touchedIn({ rowFiles }: Parts, written: string): AsyncGenerator<Touched> {
  for await (const { row } of rowFiles.read<Touched>(written)) yield row
}
