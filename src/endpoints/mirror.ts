/** What a mirror removes, and whether it may. The same for every target that can list what it holds. */
import { ReplicationError } from '../errors.ts'
import type { ManifestHeader } from '../packages/manifest.ts'
import type { Difference, SameLines } from '../resources/byte-differences.ts'
import { includes } from '../resources/glob.ts'
import { comparePaths, isWithin, outermost, type ResourcePath } from '../resources/path.ts'
import type { DeleteGuard, Mirroring } from './endpoint.ts'

/** Whether what the target holds and the package does not list is to be removed. */
export function hasSurplus({ mode, action }: Pick<ManifestHeader, 'mode' | 'action'>): boolean {
  return mode === 'mirror' && action === 'add'
}

/** What a delivery may touch: the package's roots, as far as they lie within `paths`, in order, none within another. */
export function regionsOf(
  { roots }: Pick<ManifestHeader, 'roots'>,
  paths: readonly ResourcePath[] | undefined,
): ResourcePath[] {
  if (paths === undefined) return outermost(roots)
  return outermost(
    roots.flatMap((root) =>
      paths.flatMap((path) => (isWithin(root, path) ? [root] : isWithin(path, root) ? [path] : [])),
    ),
  )
}

/**
 * What the target holds and the manifest does not list: the outermost of it, in order, each to be removed with all below.
 * What the package's filters kept out of it is no surplus, and neither is a folder that holds what is to stay.
 *
 * `held` is what the target holds within the regions, `listed` the paths that the manifest puts there, both in path
 * order. Throws `conflict` when more is to be removed than the guard admits.
 */
export async function surplusOf(
  held: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  listed: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  header: ManifestHeader,
  guard: DeleteGuard,
): Promise<readonly ResourcePath[]> {
  const surplus = new Surplus(guard.maxCount)
  let count = 0
  for await (const { path, stays } of judged(held, listed, header)) {
    count++
    surplus.pass(path, stays)
  }
  const { total, roots } = surplus.end()
  admit(total, count, guard)
  return roots
}

/** The same for what is too much to be held: only judges. */
export async function countSurplus(
  held: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  listed: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  header: Pick<ManifestHeader, 'filters'>,
  guard: DeleteGuard,
): Promise<void> {
  const surplus = new SurplusUpwards(() => undefined)
  for await (const { path, stays } of judged(held, listed, header))
    if (stays) surplus.stay(path, 1)
    else surplus.doubt(path, false)
  surplus.end(guard)
}

/**
 * The surplus of a target one by one, what a folder holds before the folder, each told as soon as it is known. What is held and what is listed is to be
 * said in one path order; the root of the target, which cannot be removed, is neither.
 */
export class SurplusUpwards {
  readonly #tell: (path: ResourcePath, folder: boolean) => void
  readonly #doubtful: { readonly path: ResourcePath; readonly folder: boolean; holdsWhatStays: boolean }[] = []
  #held = 0
  #total = 0

  constructor(tell: (path: ResourcePath, folder: boolean) => void) {
    this.#tell = tell
  }

  /** So much that is held is listed, or is not held, the first of it at this path. */
  stay(path: ResourcePath, held: number): void {
    this.#held += held
    this.#decide(path)
    this.#mark()
  }

  /** It is held, and not listed. */
  doubt(path: ResourcePath, folder: boolean): void {
    this.#held++
    this.#decide(path)
    this.#doubtful.push({ path, folder, holdsWhatStays: false })
  }

  /** All has been said. Throws `conflict` when more is to be removed than the guard admits. */
  end(guard: DeleteGuard): void {
    this.#decide(undefined)
    admit(this.#total, this.#held, guard)
  }

  #decide(next: ResourcePath | undefined): void {
    for (let top = this.#doubtful.at(-1); top !== undefined; top = this.#doubtful.at(-1)) {
      if (next !== undefined && isWithin(next, top.path)) return
      this.#doubtful.pop()
      if (top.holdsWhatStays) this.#mark()
      else {
        this.#total++
        this.#tell(top.path, top.folder)
      }
    }
  }

  #mark(): void {
    const above = this.#doubtful.at(-1)
    if (above !== undefined) above.holdsWhatStays = true
  }
}

/** Of all that the target holds, the root excepted, which is the endpoint itself and can not be removed: whether it stays. */
async function* judged(
  held: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  listed: AsyncIterable<ResourcePath> | Iterable<ResourcePath>,
  { filters = [] }: Pick<ManifestHeader, 'filters'>,
): AsyncGenerator<{ readonly path: ResourcePath; readonly stays: boolean }, void, void> {
  const isIncluded = includes(filters)
  const manifest = asAsync(listed)
  try {
    let next = await manifest.next()
    for await (const path of held) {
      if (path === '/') continue
      while (next.done !== true && comparePaths(next.value, path) < 0) next = await manifest.next()
      yield { path, stays: (next.done !== true && isWithin(next.value, path)) || !isIncluded(path) }
    }
  } finally {
    await manifest.return()
  }
}

/** What was where a mirror will change something. */
export interface Was {
  readonly path: ResourcePath
  readonly was: 'content' | 'folder' | 'absent'
}

/** What a mirror will change, of all that differs between its packages and the target. */
export async function* touchedIn(
  differences: AsyncIterable<Difference | SameLines>,
  { header: { filters = [] }, paths }: Pick<Mirroring, 'header' | 'paths'>,
): AsyncGenerator<Was, void, void> {
  const isWanted = (path: ResourcePath): boolean => paths?.some((root) => isWithin(path, root)) ?? true
  const isIncluded = includes(filters)
  for await (const found of differences) {
    if ('same' in found || found.path === '/' || !isWanted(found.path)) continue
    const was = wasAt(found, isIncluded)
    if (was !== undefined) yield { path: found.path, was }
  }
}

/** Undefined where it stays as it is, as does what the package's filters keep out of it. */
export function wasAt(
  { state, path, target }: Difference,
  isIncluded: (path: ResourcePath) => boolean,
): Was['was'] | undefined {
  if (state === 'added') return 'absent'
  if (state === 'same' || (state === 'removed' && !isIncluded(path))) return undefined
  return target.digest === undefined ? 'folder' : 'content'
}

interface Doubtful {
  readonly path: ResourcePath
  /** How much had been found when it was come to. */
  readonly before: number
  holdsWhatStays: boolean
}

/** Whether a folder is surplus is known only behind its last resource, so those above the present one are in doubt. */
class Surplus {
  readonly #maxCount: number
  readonly #doubtful: Doubtful[] = []
  readonly #roots: ResourcePath[] = []
  #total = 0

  constructor(maxCount: number) {
    this.#maxCount = maxCount
  }

  pass(path: ResourcePath, stays: boolean): void {
    for (let top = this.#doubtful.at(-1); top !== undefined && !isWithin(path, top.path); top = this.#doubtful.at(-1))
      this.#decide()
    if (!stays) this.#doubtful.push({ path, before: this.#roots.length, holdsWhatStays: false })
    else this.#markAbove()
  }

  end(): { total: number; roots: readonly ResourcePath[] } {
    while (this.#doubtful.length > 0) this.#decide()
    return { total: this.#total, roots: this.#roots }
  }

  #decide(): void {
    const decided = this.#doubtful.pop()
    if (decided === undefined) return
    if (decided.holdsWhatStays) return this.#markAbove()
    this.#total++
    this.#roots.length = Math.min(this.#roots.length, decided.before)
    // Beyond the guard nothing will be removed, so no more need be remembered.
    if (this.#total <= this.#maxCount) this.#roots.push(decided.path)
  }

  #markAbove(): void {
    const above = this.#doubtful.at(-1)
    if (above !== undefined) above.holdsWhatStays = true
  }
}

async function* asAsync<T>(items: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T, void, void> {
  yield* items
}

function admit(surplus: number, held: number, { maxPercent, maxCount }: DeleteGuard): void {
  if (surplus <= maxCount && surplus * 100 <= held * maxPercent) return
  throw new ReplicationError(
    'conflict',
    `the mirror would remove ${surplus} of the ${held} resources that the target holds there, and the deletes guard ` +
      `admits ${maxCount} and ${maxPercent} %; nothing was changed`,
  )
}
