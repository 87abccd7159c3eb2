import { ReplicationError } from '../errors.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space',
  EDQUOT: 'the disk quota is used up; free some space',
  EROFS: 'the disk is read-only; mount it for writing',
  EACCES: 'the folder does not admit the server; check its owner and mode',
  EPERM: 'the folder does not admit the server; check its owner and mode',
  EMFILE: 'the server has too many files open; raise its limit',
  ENFILE: 'the machine has too many files open; raise its limit',
  EIO: 'the disk fails; look at the log of the machine',
}

/** What the disk answered as `unavailable`, saying what to do; other errors as they are. `doing`: `writing a package`. */
export function storageError(error: unknown, doing: string): unknown {
  const code = errnoOf(error)
  if (code === undefined || error instanceof ReplicationError) return error
  const reason = reasons[code] ?? `the disk answered ${code}`
  return new ReplicationError('unavailable', `${doing} failed: ${reason}`, { cause: error })
}

function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Does something on the disk; what fails there is said as `storageError` does. */
export async function guarded<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw storageError(error, doing)
  }
}

/** Nothing, when that was the trouble. */
export function gone(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}
