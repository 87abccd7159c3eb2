import { ReplicationError } from '../errors.ts'
import type { ManifestEntry } from '../packages/manifest.ts'
import { isWithin, quote } from '../resources/path.ts'

/**
 * For kinds whose resources either have content or hold others, and whose root holds others. `previous` is the entry
 * before in the manifest's order, which is where the nearest entry above is, if that has content. Throws `rejected`.
 */
export function refuseUnholdable(entry: ManifestEntry, previous: ManifestEntry | undefined): void {
  if (entry.type === 'file' && entry.path === '/')
    throw new ReplicationError('rejected', 'the root of this kind of target can not have content')
  if (previous?.type === 'file' && entry.type !== 'delete' && isWithin(entry.path, previous.path))
    throw new ReplicationError(
      'rejected',
      `${quote(previous.path)} has content and holds ${quote(entry.path)}; this kind of target can hold only one of the two`,
    )
}
