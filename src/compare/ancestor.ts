import type { PackageReader } from '../packages/read.ts'
import { comparePaths, isWithin, outermost, parentPath, type ResourcePath } from '../resources/path.ts'

/**
 * What source and target of a pair last had in common at a path. Without `digest` and `folder` it is known that there was nothing.
 */
export interface BaseRow {
  readonly path: ResourcePath
  readonly folder?: true
  readonly digest?: string
  readonly size?: number
  /** The package that brought it, which may be gone. */
  readonly package?: string
  /** The newest command that has brought it, or taken it away; what was written down by older versions has none. */
  readonly command?: string
  /** The content, where it is a document that may have to be merged. */
  readonly document?: string
  /** It is not known what was there, whatever is known around it. */
  readonly unknown?: true
}

/** What has happened to a base since it was written down, small enough to be held. */
export class BaseChanges {
  readonly #rows = new Map<ResourcePath, BaseRow>()
  #cleared: ResourcePath[] = []

  get size(): number {
    return this.#rows.size + this.#cleared.length
  }

  put(row: BaseRow): void {
    // In the order in which it has happened.
    this.#rows.delete(row.path)
    this.#rows.set(row.path, row)
  }

  /** Nothing is at the path and below any more. */
  clear(path: ResourcePath, by: { readonly command?: string } = {}): void {
    for (const at of this.#rows.keys()) if (isWithin(at, path)) this.#rows.delete(at)
    this.#cleared = outermost([...this.#cleared, path])
    this.put({ path, ...by })
  }

  /** What they say of the path: a row of its own, or of that above it with which it has gone. */
  at(path: ResourcePath): BaseRow | undefined {
    const own = this.rows().find((row) => row.path === path)
    if (own !== undefined) return own
    for (let above = parentPath(path); above !== undefined; above = parentPath(above)) {
      const row = this.#rows.get(above)
      if (row?.digest !== undefined || this.#cleared.includes(above)) return { path: above, ...row }
    }
    return undefined
  }

  /** What was put, in path order. A content that took the place of a folder has left nothing of what that held. */
  rows(): BaseRow[] {
    const placed = [...this.#rows.values()].map((row, i) => ({ row, i }))
    let content: (typeof placed)[number] | undefined
    return placed
      .toSorted((one, other) => comparePaths(one.row.path, other.row.path))
      .filter((one) => {
        const isBelow = content !== undefined && isWithin(one.row.path, content.row.path)
        if (isBelow && content !== undefined && one.i < content.i) return false
        if (!isBelow) content = one.row.digest === undefined ? undefined : one
        return true
      })
      .map(({ row }) => row)
  }

  /** The base with these changes, in path order. */
  async *over(rows: AsyncIterable<BaseRow>): AsyncGenerator<BaseRow, void, void> {
    const changed = this.rows()
    let next = 0
    let content: ResourcePath | undefined
    const until = function* (path: ResourcePath | undefined): Generator<BaseRow> {
      for (; next < changed.length; next++) {
        const row = changed[next] as BaseRow
        if (path !== undefined && comparePaths(row.path, path) > 0) return
        if (row.digest !== undefined) content = row.path
        yield row
      }
    }
    for await (const row of rows) {
      yield* until(row.path)
      if (this.#rows.has(row.path) || this.#cleared.some((path) => isWithin(row.path, path))) continue
      if (content !== undefined && isWithin(row.path, content)) continue
      yield row
    }
    yield* until(undefined)
  }
}

/** What a target holds after it has applied the package, as far as `within` says that it did. */
export async function takePackage(
  changes: BaseChanges,
  pkg: PackageReader,
  within: readonly ResourcePath[] | undefined,
  by: { readonly command?: string } = {},
): Promise<void> {
  const { mode, action, roots } = pkg.header
  const isWithinAny = (path: ResourcePath): boolean => within?.some((root) => isWithin(path, root)) ?? true
  if (mode === 'mirror' && action === 'add')
    for (const root of within ?? roots) if (roots.some((one) => isWithin(root, one))) changes.clear(root, by)
  for await (const entries of pkg.manifest())
    for (const entry of entries) {
      const { path } = entry
      if (!isWithinAny(path)) continue
      if (entry.type === 'delete') {
        if (entry.deep) changes.clear(path, by)
        else changes.put({ path, ...by })
      } else if (entry.type === 'folder') changes.put({ path, folder: true, ...by })
      else changes.put({ path, digest: entry.digest, size: entry.size, package: pkg.id, ...by })
    }
}
