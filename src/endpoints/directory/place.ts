import { lstat, readlink, realpath } from 'node:fs/promises'
import { basename, dirname, resolve, sep } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { codeOf } from './faults.ts'

/** As many links as Linux follows in one path. */
const maxLinks = 40

/**
 * Where a folder is or will be: `['file', 'srv', 'content']`, with the links on the way resolved as far as it exists.
 * Throws `invalid` when no folder can be there.
 */
export async function placeOf(path: string): Promise<readonly string[]> {
  if (path.includes('\0')) throw new ReplicationError('invalid', 'the path contains a NUL')
  return ['file', ...(await resolved(resolve(path), maxLinks)).split(sep).filter((segment) => segment !== '')]
}

async function resolved(path: string, links: number): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    const code = codeOf(error)
    if (code === 'ENOTDIR') throw new ReplicationError('invalid', 'the path leads through a file', { cause: error })
    if (code === 'ELOOP' || links === 0)
      throw new ReplicationError('invalid', 'the path is a circle of links', { cause: error })
    if (code === 'ENAMETOOLONG') throw new ReplicationError('invalid', 'the path is too long', { cause: error })
    const parent = dirname(path)
    // Unreadable: it cannot be known, so its name stands for it.
    if (parent === path) return path
    const inParent = resolve(await resolved(parent, links), basename(path))
    const stats = await lstat(inParent).catch(() => undefined)
    if (stats?.isSymbolicLink() !== true) return inParent
    return resolved(resolve(dirname(inParent), await readlink(inParent)), links - 1)
  }
}
