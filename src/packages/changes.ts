/** What is in a package, to go into another one. */
import type { Change } from '../resources/resource.ts'
import type { DeltaChange, PackageReader } from './reader.ts'

/** Also of a delta, whatever it lacks. */
export async function* changesIn(pkg: PackageReader): AsyncGenerator<DeltaChange, void, void> {
  for await (const batch of pkg.deltaBatches()) yield* batch
}

/** Its content can be read once, while the package is open. */
export function asChange(change: DeltaChange): Change {
  const { path } = change.entry
  switch (change.kind) {
    case 'put': {
      const { content } = change
      return { kind: 'put', resource: { path, content: () => content } }
    }
    case 'folder':
      return { kind: 'put', resource: { path } }
    case 'delete':
      return { kind: 'delete', path, deep: change.entry.deep }
    case 'held':
      return { kind: 'held', path, digest: change.entry.digest, size: change.entry.size }
  }
}
