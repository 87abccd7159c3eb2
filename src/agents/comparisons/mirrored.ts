import { differences, statesOfAll } from '../../compare/differences.ts'
import { Ordered } from '../../compare/ordered.ts'
import type { Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageFile } from '../../packages/manifest.ts'
import { includes } from '../../resources/glob.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Change, Resource } from '../../resources/resource.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from '../work/begin.ts'
import { knownAt, openBase, type BaseView } from './ancestors.ts'
import { sidesOf } from './compare.ts'
import { keepPackage } from './keep.ts'
import { knownOf } from './known.ts'
import { baseKey, replacedKey, type BaseRecord, type Replaced } from './records.ts'

/** So many resources of the target are looked for at a time: of no more are the paths held. */
const pickedTogether = 1000

/** What a mirror will change of a resource: before it is overwritten or goes, or that it was not there. */
interface Touched {
  readonly path: ResourcePath
  readonly was: 'content' | 'folder' | 'absent'
}

/** Its own header, and the packages that list it: itself, or its parts. */
export interface WholeMirror {
  readonly header: ManifestHeader
  /** Of the whole, where it is one package (PackageSummary). */
  readonly listing?: string | undefined
  readonly parts: readonly PackageFile[]
}

/**
 * Keeps what a mirror is about to replace or remove, so that it can be taken back. A try that has been here before finds that done; a
 * target that cannot say what it holds is mirrored without.
 */
export async function keepMirrored(
  parts: Parts,
  begun: Begun,
  whole: WholeMirror,
  paths: readonly ResourcePath[] | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { agent, delivery, progress } = begun
  const key = replacedKey(progress.command.id, agent.name, delivery.target)
  if (agent.target(delivery.target).holdings === undefined || (await parts.store.get(key)) !== undefined) return
  const { target } = sidesOf(agent, delivery.target)
  let base: Awaited<ReturnType<typeof baseOf>> | undefined
  try {
    // Of most trees nothing has changed.
    if (paths === undefined && whole.listing !== undefined && (await isThere(target, whole, whole.listing, signal)))
      return
    const written = await parts.rowFiles.write(touchedBy(whole, target, paths, signal))
    const changes = replaced(parts, written, target, signal)
    base = await baseOf(parts, begun, whole.header.roots)
    const rebaseBack = await parts.rowFiles.write(knownAt(base, touchedIn(parts, written)))
    const kept = (undo: string): Replaced => ({
      ...{ command: progress.command.id, agent: agent.name, target: delivery.target, undo, written, rebaseBack },
    })
    const { roots } = whole.header
    await keepPackage(parts, begun, { roots, changes, signal }, (undo) => ({ put: key, value: kept(undo) }))
  } catch (error) {
    // An older server has no way to say what it holds.
    if (!(error instanceof ReplicationError) || !['missing', 'conflict', 'rejected'].includes(error.code)) throw error
    parts.log.warn(
      { agent: agent.name, target: delivery.target, err: error },
      'nothing is kept of what the mirror replaces',
    )
  } finally {
    await base?.close()
  }
}

/** What was in common before: as the newest receipt says it, where that is enough, for to write it all down takes longer than the mirror. */
async function baseOf(
  parts: Parts,
  { agent, delivery: { target } }: Begun,
  roots: readonly ResourcePath[],
): Promise<Pick<BaseView, 'rows' | 'covers' | 'close'>> {
  const record = (await parts.store.get<BaseRecord>(baseKey(agent.name, target)))?.value
  const rows = record?.keepsDocuments === true ? undefined : (await knownOf(parts, agent, target, roots))?.rows
  if (rows === undefined) return openBase(parts, agent, target, { keepDocuments: false })
  return { rows, covers: (path) => roots.some((root) => isWithin(path, root)), close: async () => undefined }
}

/** Whether the target holds what the mirror makes of it, and nothing else. */
async function isThere(target: Side, { header }: WholeMirror, listing: string, signal: AbortSignal): Promise<boolean> {
  return (await target.isAsListed?.(header.roots, listing, signal)) ?? false
}

async function* touchedBy(
  { header, parts }: WholeMirror,
  target: Side,
  paths: readonly ResourcePath[] | undefined,
  signal: AbortSignal,
): AsyncGenerator<Touched> {
  const { roots, filters = [] } = header
  const isWanted = (path: ResourcePath): boolean => paths?.some((root) => isWithin(path, root)) ?? true
  const isIncluded = includes(filters)
  for await (const { state, path, target: there } of differences(statesOfAll(parts), target.list(roots, signal))) {
    if (!isWanted(path) || path === '/') continue
    if (state === 'added') yield { path, was: 'absent' }
    else if (state === 'changed' || (state === 'removed' && isIncluded(path)))
      yield { path, was: there.digest === undefined ? 'folder' : 'content' }
  }
}

async function* replaced(parts: Parts, written: string, target: Side, signal: AbortSignal): AsyncGenerator<Change> {
  for await (const some of together(touchedIn(parts, written))) {
    const paths = some.flatMap(({ path, was }) => (was === 'content' ? [path] : []))
    const picked = target.pickContents?.(paths, signal) ?? target.pick(paths, signal)
    const held = new Ordered(picked, ({ path }: Resource) => path)
    try {
      for (const { path, was } of some) {
        const resource = was === 'content' ? await held.at(path) : was === 'folder' ? { path } : undefined
        if (resource === undefined) yield { kind: 'delete', path, deep: false }
        else yield { kind: 'put', resource }
      }
    } finally {
      await held.close()
    }
  }
}

async function* together<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  let some: T[] = []
  for await (const item of items) {
    some.push(item)
    if (some.length < pickedTogether) continue
    yield some
    some = []
  }
  if (some.length > 0) yield some
}

async function* touchedIn({ rowFiles }: Parts, written: string): AsyncGenerator<Touched> {
  for await (const { row } of rowFiles.read<Touched>(written)) yield row
}
