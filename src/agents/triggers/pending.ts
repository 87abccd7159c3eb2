import type { Found, Seen } from '../../endpoints/endpoint.ts'
import {
  comparePaths,
  isWithin,
  outermost,
  parentPath,
  rootPath,
  segmentsOf,
  type ResourcePath,
} from '../../resources/path.ts'

/** How many changed paths are remembered one by one. */
const mostPaths = 10_000
/** How many paths one command gets. */
const mostInOne = 1000

type Note = Required<Pick<Seen, 'gone' | 'fresh' | 'whole'>>

/** What has changed since it was last taken, each path once. */
export class PendingChanges {
  readonly #most: number
  #notes = new Map<ResourcePath, Note>()

  constructor(most = mostPaths) {
    this.#most = most
  }

  get size(): number {
    return this.#notes.size
  }

  note({ path, gone = false, fresh = false, whole = false }: Seen): void {
    for (let above = parentPath(path); above !== undefined; above = parentPath(above)) {
      const note = this.#notes.get(above)
      if (note?.whole === true || note?.fresh === true) return
    }
    const known = this.#notes.get(path)
    // What was there when it was first noted is at the targets, whatever has become of it since.
    this.#notes.set(
      path,
      known === undefined
        ? { gone, fresh: fresh && !gone, whole }
        : { gone: gone || known.gone, fresh: known.fresh, whole: whole || known.whole },
    )
    if (this.#notes.size > this.#most) this.#collapse()
  }

  take(): Seen[] {
    const taken = [...this.#notes].map(([path, note]) => ({ path, ...note }))
    this.#notes = new Map()
    return taken
  }

  /** Folders stand for what changed in them, the deepest first; one from which something has gone has to be sent as a whole. */
  #collapse(): void {
    let depth = Math.max(...[...this.#notes.keys()].map((path) => segmentsOf(path).length))
    for (; this.#notes.size > this.#most / 2 && depth > 0; depth--)
      for (const [path, { gone, whole }] of this.#notes) {
        if (segmentsOf(path).length !== depth) continue
        const above = parentPath(path) ?? rootPath
        const known = this.#notes.get(above)
        this.#notes.delete(path)
        this.#notes.set(above, {
          gone: known?.gone ?? false,
          fresh: known?.fresh ?? false,
          whole: gone || whole || known?.whole === true,
        })
      }
  }
}

/** One command that brings about a part of what has changed. */
export interface Errand {
  readonly action: 'add' | 'delete'
  readonly mode: 'update' | 'mirror'
  readonly paths: readonly ResourcePath[]
}

interface Wanted {
  readonly roots: readonly ResourcePath[]
  readonly includes: (path: ResourcePath) => boolean
  /** What is at the paths now, in their order. */
  readonly look: (paths: readonly ResourcePath[]) => Promise<readonly Found[]>
}

/**
 * The commands after which the targets have what the source has, in the order in which they are to be accepted. What counts is what is
 * there now: whatever happened in between, in whichever order, is of no account.
 */
export async function errandsFor(changes: readonly Seen[], { roots, includes, look }: Wanted): Promise<Errand[]> {
  const within = swallowed(merged(changes.flatMap((seen) => clipped(seen, roots))))
  const found = await look(within.map(({ path }) => path))
  const at = (...kinds: Found[]): Seen[] => within.filter((_, i) => kinds.includes(found[i] ?? 'nothing'))

  const contents = at('content').flatMap(({ path }) => (includes(path) ? [path] : []))
  const [mirrors, folders] = [true, false].map((whole) =>
    outermost(at('folder').flatMap((seen) => ((seen.whole ?? false) === whole ? [seen.path] : []))),
  ) as [ResourcePath[], ResourcePath[]]
  const adds = outermost([...contents, ...folders])
  const replaced = new Set(at('content').map(({ path }) => path))
  const deletes = outermost(
    at('nothing').flatMap(({ path }) => (includes(path) && !hasAbove(path, replaced) ? [path] : [])),
  )

  const deleting = errands('delete', 'update', deletes)
  const adding = [...errands('add', 'update', adds), ...errands('add', 'mirror', mirrors)]
  // What is new comes before what is old goes, so that what was moved is never missing; unless the one lies in the other.
  const gone = new Set(deletes)
  return [...adds, ...mirrors].some((path) => hasAbove(path, gone))
    ? [...deleting, ...adding]
    : [...adding, ...deleting]
}

function hasAbove(path: ResourcePath, paths: ReadonlySet<ResourcePath>): boolean {
  for (let above = parentPath(path); above !== undefined; above = parentPath(above)) if (paths.has(above)) return true
  return false
}

/** What is above a root stands for the root. */
function clipped(seen: Seen, roots: readonly ResourcePath[]): Seen[] {
  if (roots.some((root) => isWithin(seen.path, root))) return [seen]
  return roots.filter((root) => isWithin(root, seen.path)).map((path) => ({ ...seen, path, fresh: false }))
}

function merged(changes: readonly Seen[]): Seen[] {
  const pending = new PendingChanges(Infinity)
  for (const seen of changes.toSorted((a, b) => comparePaths(a.path, b.path))) pending.note(seen)
  return pending.take()
}

/** In path order, without what lies in something that is sent as a whole, or came with what is sent. */
function swallowed(changes: readonly Seen[]): Seen[] {
  const kept: Seen[] = []
  let above: ResourcePath | undefined
  for (const seen of changes.toSorted((a, b) => comparePaths(a.path, b.path))) {
    if (above !== undefined && isWithin(seen.path, above)) continue
    kept.push(seen)
    above = seen.whole === true || seen.fresh === true ? seen.path : undefined
  }
  return kept
}

function errands(action: Errand['action'], mode: Errand['mode'], paths: readonly ResourcePath[]): Errand[] {
  const count = Math.ceil(paths.length / mostInOne)
  return Array.from({ length: count }, (_, i) => ({
    ...{ action, mode },
    paths: paths.slice(i * mostInOne, (i + 1) * mostInOne),
  }))
}
