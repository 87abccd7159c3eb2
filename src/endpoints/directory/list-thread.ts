/** Lists what a folder holds, with digests, in a thread. */
import { lstatSync, type Stats } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import { BlockWriter, type Block } from '../../resources/listing.ts'
import { parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import { Breath } from './breath.ts'
import { codeOf, readFault } from './faults.ts'
import { HeldFolders } from './held-folders.ts'
import { Remembered } from './remembered.ts'
import { rootFault } from './root.ts'
import { stateOf } from './stable-file.ts'
import { walkAtOnce } from './walk.ts'

export interface ListOrder {
  /** Absolute. */
  readonly root: string
  readonly path: ResourcePath
  /** Where digests are remembered; nothing is when absent. */
  readonly cacheFolder?: string
  readonly verify?: boolean
  readonly filters?: readonly Filter[]
  /** Whether to tell what is passed over. */
  readonly notes?: boolean
}

const maxMs = 100
const scratchBytes = 1024 * 1024

export async function run(order: ListOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, blocks(order, signal), ({ bytes }) => [bytes.buffer])
}

export interface ListHooks {
  /** Told of each file that is listed, as it was found, and of each folder that was walked through, parents first. */
  readonly saw?: (path: ResourcePath, stats: Stats | 'folder') => void
  /** A file that cannot be read is listed, with a digest that no content has; else that ends the listing. */
  readonly goesOn?: true
}

const unread = '0'.repeat(64)

/** The same for who is in a thread already. */
export async function* blocks(
  order: ListOrder,
  signal: AbortSignal,
  { saw, goesOn }: ListHooks = {},
): AsyncGenerator<Block> {
  const { root, path: start } = order
  let folders: HeldFolders
  try {
    folders = new HeldFolders(root)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw rootFault(error)
  }
  const reading = folders.fork()
  const breath = new Breath(signal)
  const scratch = new Uint8Array(scratchBytes)
  const lines = new BlockWriter()
  const remembered = rememberedOf(order, folders)
  const { filters = [] } = order
  const isWanted = filters.length === 0 ? undefined : includes(filters)
  /**
   * By the name from the root, which takes half of the time that it takes through the held folder. Should that name lead elsewhere by
   * now, what is there has not the inode and the times that are remembered, or is the very file; and nothing is opened or told of it.
   */
  const isKnown = (path: ResourcePath): boolean => {
    if (isWanted?.(path) === false) return false
    lines.begin(path)
    if (
      remembered?.has(path, lines) === true &&
      endKnown(remembered, `${root}${path}`, lines, (stats) => saw?.(path, stats))
    )
      return true
    lines.forget()
    return false
  }
  let notes: string[] = []
  const options = {
    ...{ deep: true, note: (text: string): void => void (order.notes === true && notes.push(text)) },
    ...(remembered?.isEmpty === false && order.verify !== true && { known: isKnown }),
  }
  const take = (): Block => {
    const block = { ...lines.take(), ...(notes.length > 0 && { notes }) }
    notes = []
    return block
  }
  let since = performance.now()
  try {
    for (const { path, folder, known } of walkAtOnce(folders, start, options)) {
      if (folder) saw?.(path, 'folder')
      if (isWanted?.(path) === false) {
        if (!folder) remembered?.pass(path, lines)
        if (breath.due) await breath.take()
        continue
      }
      if (known !== true) {
        lines.begin(path)
        if (folder) lines.endFolder()
        else {
          const readAtMs = Date.now()
          const read = await readAt(reading, path, scratch, breath).catch((error: unknown) => {
            if (goesOn !== true || signal.aborted || !(error instanceof ReplicationError)) throw error
          })
          lines.endResource(read?.digest ?? unread, read?.stats.size ?? 0)
          if (read !== undefined) {
            saw?.(path, read.stats)
            remembered?.put(path, read.stats, readAtMs, lines)
          }
        }
      }
      if (breath.due) await breath.take()
      if (!lines.full && performance.now() - since < maxMs) continue
      yield take()
      since = performance.now()
    }
    if (!lines.empty || notes.length > 0) yield take()
    remembered?.end()
  } finally {
    folders.close()
    reading.close()
  }
}

function rememberedOf(
  { root, path, cacheFolder, verify = false }: ListOrder,
  folders: HeldFolders,
): Remembered | undefined {
  // Whoever asks for one file would read all that is remembered of the others.
  if (cacheFolder === undefined || !isFolder(`${root}${path}`)) return undefined
  return new Remembered({ folder: cacheFolder, root, dev: folders.identity.dev, start: path, verify })
}

function isFolder(place: string): boolean {
  try {
    return lstatSync(place).isDirectory()
  } catch {
    return false
  }
}

function endKnown(remembered: Remembered, place: string, lines: BlockWriter, saw: (stats: Stats) => void): boolean {
  try {
    const stats = lstatSync(place, { throwIfNoEntry: false })
    if (stats === undefined || !remembered.endLine(stats, lines)) return false
    saw(stats)
    return true
  } catch {
    // It is looked at through its folder, and whatever is wrong is told then.
    return false
  }
}

async function readAt(
  folders: HeldFolders,
  path: ResourcePath,
  scratch: Uint8Array,
  breath: Breath,
): ReturnType<typeof stateOf> {
  try {
    const place = folders.at(parentPath(path) ?? rootPath)
    return await stateOf(`${place}/${segmentsOf(path).at(-1) ?? ''}`, path, scratch, breath)
  } catch (error) {
    throw readFault(error, path)
  }
}
