import { ReplicationError } from '../../errors.ts'
import { comparePaths, isWithin, quote, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import type { Breath } from '../directory/breath.ts'
import type { Definitions } from './definitions.ts'
import { serversPath, serversText } from './servers.ts'

/**
 * The root, which is the document, and the definition of each path, in path order, its `servers` among them where they are content; what none is defined at is no resource,
 * though others may lie below it. Throws `missing`, and `invalid` for all that cannot be told.
 */
export async function* resourcesIn(
  definitions: Definitions,
  { path, deep }: { readonly path: ResourcePath; readonly deep: boolean },
  breath: Breath,
): AsyncGenerator<Resource, void, void> {
  const isWanted = (one: ResourcePath): boolean => (deep ? isWithin(one, path) : one === path)
  const paths = definitions.paths.filter((one) => isWanted(one.path))
  const servers = isWanted(serversPath) ? serversText(definitions) : undefined
  const wanted = [...paths, ...(servers === undefined ? [] : [{ name: undefined, path: serversPath }])].toSorted(
    (one, other) => comparePaths(one.path, other.path),
  )
  if (path === rootPath) yield { path }
  else if (wanted.length === 0) throw new ReplicationError('missing', `nothing is at ${quote(path)}`)
  definitions.check(paths.map(({ name }) => name))
  for (const { name, path: at } of wanted) {
    const text = Buffer.from((name === undefined ? servers : definitions.text(name)) ?? '')
    yield { path: at, content: () => text }
    if (breath.due) await breath.take()
  }
}

/** The paths without their contents. */
export async function* pathsIn({ paths }: Definitions): AsyncGenerator<Resource, void, void> {
  yield { path: rootPath }
  for (const { path } of paths) yield { path }
}
