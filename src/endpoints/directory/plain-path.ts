/**
 * Opening what an absolute path names by following no link at all, neither at its end nor on the way: whoever resolves the links
 * first, and judges where they lead, gets what was judged, whatever names are swapped meanwhile.
 *
 * On Linux each folder on the way is opened by its name in the one before, which is held. Elsewhere each is looked at before it is
 * used, which is weaker: a link that is swapped in between the two is followed.
 */
import { closeSync, constants, existsSync, fsyncSync, lstatSync, mkdirSync, openSync } from 'node:fs'
import { codeOf } from './faults.ts'

export const withHandles = process.platform === 'linux' && existsSync('/proc/self/fd')

const asFolder = constants.O_RDONLY | constants.O_DIRECTORY
/** Of Linux, and not among Node's constants: a folder that may be passed through need not be one that may be read. */
const asStep = 0o10000000 | constants.O_DIRECTORY | constants.O_NOFOLLOW

/** A handle on the folder. Throws the errors of node:fs, ESTALE where a link has come to be on the way. */
export function openPlainFolder(path: string): number {
  return opened(path, asFolder)
}

/** The same of what is in a folder. `flags` as for `openSync`; what makes files may be among them. */
export function openPlainFile(path: string, flags: number, mode?: number): number {
  return opened(path, flags, { mode })
}

/** The folder, which is made where there is none, as those above it are; all that was made is durable. */
export function makePlainFolder(path: string): number {
  return opened(path, asFolder, { makes: true })
}

interface How {
  readonly mode?: number | undefined
  readonly makes?: boolean
}

function opened(path: string, flags: number, { mode, makes = false }: How = {}): number {
  const names = path.split('/').filter((name) => name !== '')
  if (names.some((name) => name === '..' || name === '.')) throw new Error('the path is not resolved')
  const last = names.pop()
  if (last === undefined) return openSync('/', flags)
  let folder: number | undefined
  let place = ''
  try {
    for (const name of names) {
      const next = openStep(`${place}/${name}`, withHandles ? asStep : asFolder | constants.O_NOFOLLOW, makes && place)
      if (folder !== undefined) closeSync(folder)
      folder = next
      place = withHandles ? `/proc/self/fd/${folder}` : `${place}/${name}`
    }
    return openStep(`${place}/${last}`, flags | constants.O_NOFOLLOW, makes && place, mode)
  } finally {
    if (folder !== undefined) closeSync(folder)
  }
}

/** `makeIn`: where it is made if it is not there. */
function openStep(place: string, flags: number, makeIn: string | false, mode?: number): number {
  try {
    // Without handles this is all that keeps links out of the way.
    if (!withHandles && isLink(place)) throw swapped()
    return openSync(place, flags, mode)
  } catch (error) {
    const code = codeOf(error)
    if ((code === 'ELOOP' || code === 'ENOTDIR') && isLink(place)) throw swapped()
    if (code !== 'ENOENT' || makeIn === false) throw error
    make(place, makeIn)
    return openSync(place, flags, mode)
  }
}

function make(place: string, folder: string): void {
  try {
    mkdirSync(place)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  const handle = openSync(`${folder}/.`, asFolder)
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}

function isLink(place: string): boolean {
  return lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

function swapped(): Error {
  return Object.assign(new Error('a link came to be on the way'), { code: 'ESTALE' })
}
