import type { PackageReader } from '../../../packages/read.ts'
import { Regions } from '../../../packages/regions.ts'
import { parentPath, segmentsOf, type ResourcePath } from '../../../resources/path.ts'

/** What a delivery removes, whatever it lies in. */
export class Gone {
  readonly #paths: ReadonlySet<string>

  constructor(paths: ReadonlySet<string>) {
    this.#paths = paths
  }

  /** `path` is that of a document. */
  has(path: ResourcePath): boolean {
    return (
      this.#paths.size > 0 &&
      (this.#paths.has(path) || this.#paths.has(parentPath(path) ?? '/') || this.#paths.has('/'))
    )
  }
}

/** `surplus` goes with all below it. */
export async function goneIn(
  pkg: PackageReader,
  paths: readonly ResourcePath[] | undefined,
  surplus: readonly ResourcePath[],
): Promise<Gone> {
  const gone = new Set<string>(surplus)
  const wanted = paths === undefined ? undefined : new Regions(paths)
  for await (const batch of pkg.manifest())
    for (const entry of batch) {
      if (entry.type !== 'delete' || wanted?.hold(entry.path) === false) continue
      // A type that holds documents stays, and one that holds none is not there.
      if (entry.deep || segmentsOf(entry.path).length === 2) gone.add(entry.path)
    }
  return new Gone(gone)
}
