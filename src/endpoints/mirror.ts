/** What a mirror removes, and whether it may. The same for every target that can list what it holds. */
import { ReplicationError } from '../errors.ts'
import type { ManifestHeader } from '../packages/manifest.ts'
import { isWithin, comparePaths, outermost, type ResourcePath } from '../resources/path.ts'
import type { DeleteGuard } from './endpoint.ts'

/** What a delivery may touch: the package's roots, as far as they lie within `paths`, in order, none within another. */
export function regionsOf({ roots }: ManifestHeader, paths: readonly ResourcePath[] | undefined): ResourcePath[] {
  if (paths === undefined) return outermost(roots)
  return outermost(
    roots.flatMap((root) =>
      paths.flatMap((path) => (isWithin(root, path) ? [root] : isWithin(path, root) ? [path] : [])),
    ),
  )
}

export interface Surplus {
  /** How many resources the target holds. */
  readonly held: number
  /** How many of them the manifest does not list. */
  readonly surplus: number
  /** The outermost of these, in order, each to be removed with all below it. */
  readonly outermost: readonly ResourcePath[]
}

/**
 * Compares what the target holds with the paths that the manifest puts, both in path order. A folder that only holds
 * what is kept is kept too. Throws `conflict` when more is to be removed than the guard admits.
 */
export async function surplusOf(
  held: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  kept: AsyncIterable<ResourcePath>,
  guard: DeleteGuard,
): Promise<Surplus> {
  const keep = kept[Symbol.asyncIterator]()
  const found: ResourcePath[] = []
  let [count, surplus] = [0, 0]
  try {
    let next = await keep.next()
    for await (const path of held) {
      // The root is the endpoint itself; it can not be removed.
      if (path === '/') continue
      count++
      while (next.done !== true && comparePaths(next.value, path) < 0) next = await keep.next()
      if (next.done !== true && isWithin(next.value, path)) continue
      surplus++
      const last = found.at(-1)
      // Beyond the guard nothing will be removed, so no more need be remembered.
      if (surplus <= guard.maxCount && (last === undefined || !isWithin(path, last))) found.push(path)
    }
  } finally {
    await keep.return?.()
  }
  if (surplus > guard.maxCount || surplus * 100 > count * guard.maxPercent) throw beyond(surplus, count, guard)
  return { held: count, surplus, outermost: found }
}

function beyond(surplus: number, held: number, { maxPercent, maxCount }: DeleteGuard): ReplicationError {
  return new ReplicationError(
    'conflict',
    `the mirror would remove ${surplus} of the ${held} resources that the target holds there; ` +
      `the agent's deletes guard admits ${maxPercent} % and ${maxCount}, and nothing was changed`,
  )
}
