import type { ManifestEntry, PackageId } from '../packages/manifest.ts'
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
  /** That is a delta, which may lack it. */
  readonly delta?: true
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
    const until = function* (was: BaseRow | undefined): Generator<BaseRow> {
      const path = was?.path
      for (; next < changed.length; next++) {
        const row = changed[next] as BaseRow
        if (path !== undefined && comparePaths(row.path, path) > 0) return
        if (row.digest !== undefined) content = row.path
        yield path === row.path ? after(was, row) : row
      }
    }
    for await (const row of rows) {
      yield* until(row)
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
  const isWithinAny = (path: ResourcePath): boolean => within?.some((root) => isWithin(path, root)) ?? true
  for await (const entries of pkg.manifest())
    for (const entry of entries) {
      if (!isWithinAny(entry.path)) continue
      if (entry.type === 'delete' && entry.deep) changes.clear(entry.path, by)
      else changes.put(rowOf(entry, { package: pkg.id, delta: pkg.delta }, by))
    }
}

/** What is known of a path once the entry of that package was applied. */
export function rowOf(
  entry: ManifestEntry,
  { package: id, delta }: { readonly package: PackageId; readonly delta: boolean },
  by: { readonly command?: string },
): BaseRow {
  const { path } = entry
  if (entry.type === 'delete') return { path, ...by }
  if (entry.type === 'folder') return { path, folder: true, ...by }
  return { path, digest: entry.digest, size: entry.size, package: id, ...(delta && { delta }), ...by }
}

/** What was brought again is known as it was: its content may be where it came from first, and not in a delta. */
export function after(was: BaseRow | undefined, row: BaseRow): BaseRow {
  if (was?.digest === undefined || was.digest !== row.digest) return row
  const { document, package: from } = was
  const { delta, ...is } = row
  const brought = delta === true && from !== undefined ? { ...is, package: from, ...(was.delta && { delta }) } : row
  return { ...brought, ...(document !== undefined && { document }) }
}
