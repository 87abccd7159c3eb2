/** Looks, step by step, whether a folder can be written, and leaves it as it was. */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  mkdirSync,
  openSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { rootPath } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import type { TestStep } from '../endpoint.ts'
import { stepOf } from '../step.ts'
import { codeOf, writeFault } from './faults.ts'
import { HeldFolders } from './held-folders.ts'
import { ownName, ownPath } from './own-folder.ts'
import { rootFault } from './root.ts'
import { spaceAt } from './space.ts'

export interface ProbeOrder {
  readonly root: string
}

export async function run({ root }: ProbeOrder, port: MessagePort): Promise<void> {
  await send(port, steps(root))
}

function* steps(root: string): Generator<TestStep> {
  const folder = stepOf('folder', () => lookAt(root), unforeseen)
  yield folder
  if (!folder.ok) return
  const write = stepOf('write', () => tryToWrite(root), unforeseen)
  yield write
  if (write.ok) yield stepOf('space', () => spaceAt(root), unforeseen)
}

const unforeseen = (): string => 'it failed unexpectedly'
const notYet = 'it does not exist yet; the first delivery makes it'

function lookAt(root: string): string | undefined {
  try {
    new HeldFolders(root).close()
    return undefined
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return notYet
    throw rootFault(error)
  }
}

function tryToWrite(root: string): string | undefined {
  let folders: HeldFolders
  try {
    folders = new HeldFolders(root)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw rootFault(error)
    tryToMake(root)
    return notYet
  }
  try {
    writeIn(folders)
    return undefined
  } catch (error) {
    throw writeFault(error, 'the target folder')
  } finally {
    folders.close()
  }
}

/** Making the folder and removing it again would not be changing nothing, so the folder above is only asked. */
function tryToMake(root: string): void {
  for (let above = dirname(root); ; above = dirname(above))
    try {
      if (!statSync(above).isDirectory()) throw Object.assign(new Error('a file'), { code: 'ENOTDIR' })
      accessSync(above, constants.W_OK | constants.X_OK)
      return
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || above === dirname(above)) throw writeFault(error, 'the folder above it')
    }
}

function writeIn(folders: HeldFolders): void {
  const own = `${folders.at(rootPath)}/${ownName}`
  let made = true
  try {
    mkdirSync(own, 0o700)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    made = false
  }
  try {
    const file = `${folders.at(ownPath)}/test-${randomBytes(8).toString('hex')}`
    const fd = openSync(file, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
    try {
      writeSync(fd, 'trebuchet')
      fsyncSync(fd)
    } finally {
      closeSync(fd)
      unlinkSync(file)
    }
  } finally {
    if (made) removeIfEmpty(`${folders.at(rootPath)}/${ownName}`)
  }
}

function removeIfEmpty(place: string): void {
  try {
    rmdirSync(place)
  } catch {
    // A delivery has begun to use it.
  }
}
