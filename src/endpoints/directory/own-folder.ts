import { ReplicationError } from '../../errors.ts'
import { isWithin, quote, type ResourcePath } from '../../resources/path.ts'

/** The folder at the root of a target in which the server keeps receipts and what is on its way. */
export const ownName = '.trebuchet'
export const ownPath = `/${ownName}` as ResourcePath

/** On file systems that ignore case, another spelling is the same folder. */
const ignoresCase = process.platform === 'darwin' || process.platform === 'win32'

export function isOwn(path: ResourcePath): boolean {
  return isWithin(ignoresCase ? (path.toLowerCase() as ResourcePath) : path, ownPath)
}

/** Throws `invalid` for what nobody can read, write or list. */
export function refuseOwn(path: ResourcePath): void {
  if (isOwn(path))
    throw new ReplicationError('invalid', `${quote(path)} is where the server keeps its own files; choose another path`)
}
