/** What an error of node:fs means for a delivery or an export. */
import { ReplicationError } from '../../errors.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'

/** The errno name (`ENOENT`), or an empty text. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

/** While reading `path`. What was there a moment ago and is not now has changed: the run is worth repeating. */
export function readFault(error: unknown, path: ResourcePath): unknown {
  const code = codeOf(error)
  if (error instanceof ReplicationError || code === '') return error
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ESTALE':
    case 'ENXIO':
      return changed(path, error)
    case 'EACCES':
    case 'EPERM':
      return new ReplicationError('rejected', `${quote(path)} can not be read: the server's user may not`, {
        cause: error,
      })
    default:
      return new ReplicationError('unavailable', `${quote(path)} can not be read now (${code})`, { cause: error })
  }
}

export function changed(path: ResourcePath, cause?: unknown): ReplicationError {
  return new ReplicationError('unavailable', `${quote(path)} changed while it was read; the run is to be repeated`, {
    cause,
  })
}

/** While writing; `what` names the resource, or the server's own folder. */
export function writeFault(error: unknown, what: string): unknown {
  const code = codeOf(error)
  if (error instanceof ReplicationError || code === '') return error
  const fault = (kind: 'rejected' | 'unavailable', why: string): ReplicationError =>
    new ReplicationError(kind, `${what} can not be written: ${why}`, { cause: error })
  switch (code) {
    case 'ENOSPC':
      return fault('unavailable', 'the disk is full')
    case 'EDQUOT':
      return fault('unavailable', "the disk quota of the server's user is used up")
    case 'EMFILE':
    case 'ENFILE':
      return fault('unavailable', 'too many files are open')
    case 'EACCES':
    case 'EPERM':
      return fault('rejected', "the server's user may not write there")
    case 'EROFS':
      return fault('rejected', 'the file system is read-only')
    case 'EEXIST':
    case 'ENOTDIR':
    case 'ELOOP':
      return fault('rejected', 'a file or a link is where a folder is needed')
    case 'ENAMETOOLONG':
      return fault('rejected', 'its name is too long for the file system')
    case 'EXDEV':
      return fault(
        'rejected',
        'it lies on another file system than the target folder, and can not be replaced in one step',
      )
    default:
      return fault('unavailable', code)
  }
}
