import { ReplicationError } from '../errors.ts'
import { isWithin, quote, type ResourcePath } from '../resources/path.ts'

/**
 * For kinds whose resources either have content or hold others. `previous` is what came before `path` in path order,
 * which is where its nearest ancestor is, if that has content. Throws `rejected`.
 */
export function refuseBelowContent(
  path: ResourcePath,
  previous: { readonly path: ResourcePath; readonly content?: unknown } | undefined,
): void {
  if (previous?.content !== undefined && isWithin(path, previous.path))
    throw new ReplicationError(
      'rejected',
      `${quote(previous.path)} has content and holds ${quote(path)}; this kind of target can hold only one of the two`,
    )
}

/** Throws `rejected`. */
export function refuseRootContent(path: ResourcePath): void {
  if (path === '/') throw new ReplicationError('rejected', 'the root of this kind of target can not have content')
}
