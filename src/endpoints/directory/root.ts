import { ReplicationError } from '../../errors.ts'
import { codeOf, writeFault } from './faults.ts'
import { HeldFolders } from './held-folders.ts'

/** Opens a folder to read from. Throws `missing`, `invalid` (it is no folder), `rejected`, `unavailable`. */
export function openRoot(root: string): HeldFolders {
  try {
    return new HeldFolders(root)
  } catch (error) {
    throw rootFault(error)
  }
}

/** The same; undefined where there is none yet, and so nothing in it. */
export function rootIfThere(root: string): HeldFolders | undefined {
  try {
    return openRoot(root)
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'missing') return undefined
    throw error
  }
}

/** Messages do not say which folder: whoever may know reads it in the agent's config. */
export function rootFault(error: unknown): unknown {
  const code = codeOf(error)
  switch (code) {
    case '':
      return error
    case 'ENOENT':
      return new ReplicationError(
        'missing',
        "the directory endpoint's folder does not exist; create it, or correct its path",
        {
          cause: error,
        },
      )
    case 'ENOTDIR':
      return new ReplicationError('invalid', "the directory endpoint's path is no folder; correct it", { cause: error })
    case 'EACCES':
    case 'EPERM':
      return new ReplicationError('rejected', "the server's user may not open the directory endpoint's folder", {
        cause: error,
      })
    case 'ELOOP':
      return new ReplicationError('invalid', "the directory endpoint's path is a circle of links", { cause: error })
    default:
      return new ReplicationError('unavailable', `the directory endpoint's folder can not be opened now (${code})`, {
        cause: error,
      })
  }
}

/** Opens a folder to write to, and makes it where there is none. Throws `rejected`, `unavailable`. */
export function makeRoot(root: string): HeldFolders {
  try {
    return HeldFolders.make(root)
  } catch (error) {
    throw writeFault(error, "the directory endpoint's folder")
  }
}
