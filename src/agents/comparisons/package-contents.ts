import type { BaseRow } from '../../compare/ancestor.ts'
import { ReplicationError } from '../../errors.ts'
import { changesIn } from '../../packages/changes.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { DeltaChange } from '../../packages/reader.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { comparePaths, type ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'

/** The content of a document that is larger is not kept with a base. */
export const maxBaseBytes = 256 * 1024

/** So many packages are open at a time: a tree in parts has brought what is asked for in their order. */
const maxOpen = 8

/** Contents that packages brought, while these are kept; asked for one after the other, in path order, each package is gone through once. */
export class PackageContents {
  readonly #kept: Pick<Parts, 'packages'>
  readonly #open = new Map<string, Cursor | undefined>()

  constructor(kept: Pick<Parts, 'packages'>) {
    this.#kept = kept
  }

  async of({ path, package: from }: BaseRow): Promise<Uint8Array | undefined> {
    if (from === undefined) return undefined
    const cursor = this.#open.has(from) ? this.#open.get(from) : await this.#cursor(from as PackageId)
    // The one that was asked last stands last.
    this.#open.delete(from)
    this.#open.set(from, cursor)
    for (const [id, eldest] of this.#open) {
      if (this.#open.size <= maxOpen) break
      this.#open.delete(id)
      await eldest?.close()
    }
    return cursor?.at(path)
  }

  async close(): Promise<void> {
    for (const cursor of this.#open.values()) await cursor?.close()
    this.#open.clear()
  }

  async #cursor(id: PackageId): Promise<Cursor | undefined> {
    const pkg = await openKept(this.#kept, id)
    return pkg && new Cursor(pkg)
  }
}

/** Undefined for a package that is not kept any more, or spoilt by now. */
export async function openKept(
  { packages }: Pick<Parts, 'packages'>,
  id: PackageId,
): Promise<PackageReader | undefined> {
  try {
    return await openPackage(await packages.file(id))
  } catch (error) {
    if (error instanceof ReplicationError && ['missing', 'corrupt'].includes(error.code)) return undefined
    throw error
  }
}

/** Goes through a package once, as long as it is asked in path order. */
class Cursor {
  readonly #pkg: PackageReader
  #changes: AsyncGenerator<DeltaChange> | undefined
  #found: DeltaChange | undefined

  constructor(pkg: PackageReader) {
    this.#pkg = pkg
  }

  async at(path: ResourcePath): Promise<Uint8Array | undefined> {
    if (this.#changes === undefined || (this.#found !== undefined && comparePaths(this.#found.entry.path, path) > 0)) {
      this.#changes = changesIn(this.#pkg)
      this.#found = undefined
    }
    while (this.#found === undefined || comparePaths(this.#found.entry.path, path) < 0) {
      const { done, value } = await this.#changes.next()
      if (done === true) return undefined
      this.#found = value
    }
    const found = this.#found
    return found.entry.path === path && found.kind === 'put' && found.content instanceof Uint8Array
      ? found.content
      : undefined
  }

  async close(): Promise<void> {
    await this.#changes?.return(undefined)
    await this.#pkg.close()
  }
}
