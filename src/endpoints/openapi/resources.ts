import { ReplicationError } from '../../errors.ts'
import { isWithin, quote, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import type { Breath } from '../directory/breath.ts'
import type { Definitions } from './definitions.ts'

/**
 * The root, which is the document, and the definition of each path, in path order; what none is defined at is no resource,
 * though others may lie below it. Throws `missing`, and `invalid` for all that cannot be told.
 */
export async function* resourcesIn(
  definitions: Definitions,
  { path, deep }: { readonly path: ResourcePath; readonly deep: boolean },
  breath: Breath,
): AsyncGenerator<Resource, void, void> {
  const wanted = definitions.paths.filter((one) => (deep ? isWithin(one.path, path) : one.path === path))
  if (path === rootPath) yield { path }
  else if (wanted.length === 0) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
  definitions.check(wanted.map(({ name }) => name))
  for (const { name, path: at } of wanted) {
    const text = Buffer.from(definitions.text(name) ?? '')
    yield { path: at, content: () => text }
    if (breath.due) await breath.take()
  }
}

/** The same without their contents. */
export async function* pathsIn({ paths }: Definitions): AsyncGenerator<Resource, void, void> {
  yield { path: rootPath }
  for (const { path } of paths) yield { path }
}
