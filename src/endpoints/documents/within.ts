import { hash } from 'node:crypto'
import { ReplicationError } from '../../errors.ts'
import { isWithin, quote, type ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'

/** The one at the path and, with `deep`, those below it. Throws `missing` when there is none. */
export async function* within(
  resources: AsyncIterable<Resource>,
  path: ResourcePath,
  deep: boolean,
): AsyncGenerator<Resource, void, void> {
  let nothing = true
  for await (const resource of resources) {
    if (deep ? !isWithin(resource.path, path) : resource.path !== path) continue
    nothing = false
    yield resource
  }
  if (nothing) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
}

const maxStates = 256

/** What listings know of those at the path and below it, some at a time. */
export async function* statesOf(
  resources: AsyncIterable<Resource>,
  path: ResourcePath,
): AsyncGenerator<ResourceState[], void, void> {
  let batch: ResourceState[] = []
  for await (const { path: at, content } of resources) {
    if (!isWithin(at, path)) continue
    const bytes = content?.() as Uint8Array | undefined
    batch.push(bytes === undefined ? { path: at } : { path: at, digest: hash('sha256', bytes), size: bytes.length })
    if (batch.length < maxStates) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
