/** Reads small files ahead of the thread that writes packages of them, with their sums. */
import type { MessagePort } from 'node:worker_threads'
import { segmentBytes } from '../../packages/compression.ts'
import { sumsOf } from '../../packages/sums.ts'
import { parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { Breath } from './breath.ts'
import type { FileState } from './digest-records.ts'
import type { FolderIdentity, HeldFolders } from './held-folders.ts'
import { openRoot } from './root.ts'
import { readWhole } from './stable-file.ts'

export interface AheadOrder {
  /** Absolute, no link on its way. */
  readonly root: string
  /** Of the folder that is read: should another have its name by now, nothing is. */
  readonly identity: FolderIdentity
}

/** Files to read, behind those named before; or memory to read some of them into, `intoBytes` of it. */
export type ToAhead = { readonly paths: readonly ResourcePath[] } | { readonly into: ArrayBuffer }

/** That memory is wanted; or what was read into it of the next files. */
export type FromAhead = 'ready' | ReadFiles

export interface ReadFiles {
  /** The contents, one behind the other. */
  readonly into: ArrayBuffer
  /** `factsOf` each file. */
  readonly facts: Float64Array<ArrayBuffer>
  /** 64 digits of each that was read. */
  readonly digests: string
}

export const maxFiles = 256
/** A file of a whole segment fits behind what is just less. */
export const intoBytes = 2 * segmentBytes

/** What is known of a file that was read. */
export interface Facts {
  readonly stats: FileState
  /** When it was begun, by the clock of this machine. */
  readonly atMs: number
  readonly crc: number
}

const factsEach = 7

export function filesIn({ facts }: ReadFiles): number {
  return facts.length / factsEach
}

/** Undefined for a file that is too large, or whatever else is the matter with it: who wants it reads it himself, and hears of that. */
export function factsOf({ facts }: ReadFiles, file: number): Facts | undefined {
  const [size = -1, dev = 0, ino = 0, mtimeMs = 0, ctimeMs = 0, atMs = 0, crc = 0] = facts.subarray(
    file * factsEach,
    (file + 1) * factsEach,
  )
  return size < 0 ? undefined : { stats: { dev, ino, size, mtimeMs, ctimeMs }, atMs, crc }
}

/** Until its port is closed from the other side. */
export async function run({ root, identity }: AheadOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  const wanted = new Wanted(port, signal)
  const folders = openRoot(root)
  try {
    const { dev, ino } = folders.identity
    if (dev !== identity.dev || ino !== identity.ino) return
    port.postMessage('ready' satisfies FromAhead)
    const breath = new Breath(signal)
    for (let into = await wanted.next(); into !== undefined; into = await wanted.next()) {
      const read = readInto(into, wanted.paths, folders)
      port.postMessage(read satisfies FromAhead, [into, read.facts.buffer])
      if (breath.due) await breath.take()
    }
  } finally {
    folders.close()
  }
}

/** Takes the paths of the files. */
function readInto(into: ArrayBuffer, paths: ResourcePath[], folders: HeldFolders): ReadFiles {
  const bytes = Buffer.from(into)
  const facts: number[] = []
  let digests = ''
  let [files, used] = [0, 0]
  for (; files < Math.min(paths.length, maxFiles) && used <= segmentBytes; files++) {
    const path = paths[files] as ResourcePath
    const atMs = Date.now()
    let state: FileState | undefined
    try {
      const place = `${folders.at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`
      readWhole(place, path, bytes, used, segmentBytes, (seen) => void (state = seen))
    } catch {
      // It is read again by who wants it.
    }
    if (state === undefined) facts.push(-1, 0, 0, 0, 0, 0, 0)
    else {
      const { size, dev, ino, mtimeMs, ctimeMs } = state
      const { digest, crc } = sumsOf(bytes.subarray(used, used + size))
      facts.push(size, dev, ino, mtimeMs, ctimeMs, atMs, crc)
      digests += digest
      used += size
    }
  }
  paths.splice(0, files)
  return { into, facts: Float64Array.from(facts), digests }
}

/** What the other side wants to be read, and where to. */
class Wanted {
  readonly paths: ResourcePath[] = []
  readonly #memory: ArrayBuffer[] = []
  #ended = false
  #wake: (() => void) | undefined

  constructor(port: MessagePort, signal: AbortSignal) {
    port.on('message', (message: ToAhead) => {
      if ('into' in message) this.#memory.push(message.into)
      else this.paths.push(...message.paths)
      this.#wake?.()
    })
    const end = (): void => {
      this.#ended = true
      this.#wake?.()
    }
    port.on('close', end)
    signal.addEventListener('abort', end)
  }

  /** Memory for the next paths; undefined when nothing more is wanted. */
  async next(): Promise<ArrayBuffer | undefined> {
    while (!this.#ended && (this.#memory.length === 0 || this.paths.length === 0))
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    return this.#ended ? undefined : this.#memory.shift()
  }
}
