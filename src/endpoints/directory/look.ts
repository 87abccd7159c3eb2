import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { childPath, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Found } from '../endpoint.ts'
import { codeOf } from './faults.ts'
import { isOwn } from './own-folder.ts'

/** Links and whatever else is no file and no folder are no resources. */
export async function foundAt(root: string, path: ResourcePath): Promise<Found> {
  if (path === rootPath) return 'folder'
  try {
    const stats = await lstat(join(root, path))
    return stats.isDirectory() ? 'folder' : stats.isFile() ? 'content' : 'nothing'
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(codeOf(error))) return 'nothing'
    throw new ReplicationError('unavailable', `the directory endpoint cannot be looked at now (${codeOf(error)})`, {
      cause: error,
    })
  }
}

/** What it is called as a resource; undefined for what nobody replicates. */
export function namedIn(folder: ResourcePath, name: string): ResourcePath | undefined {
  // Bytes that are no UTF-8 come as this character; no resource has such a name.
  if (name.includes('\uFFFD')) return undefined
  try {
    const path = childPath(folder, name)
    return isOwn(path) ? undefined : path
  } catch {
    return undefined
  }
}
