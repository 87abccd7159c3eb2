/** Reads resources in a thread: names in path order, small contents in batches, large ones only by name. */
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import { parentPath, quote, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { send } from '../../threads/stream.ts'
import { changed, readFault } from './faults.ts'
import type { FolderIdentity, HeldFolders } from './held-folders.ts'
import { openRoot } from './root.ts'
import { readWhole } from './stable-file.ts'
import { walk, type Found } from './walk.ts'

export interface ReadOrder {
  readonly root: string
  readonly path: ResourcePath
  readonly deep: boolean
  /** Whether each group of paths is to be asked about before anything in it is opened. */
  readonly filtered: boolean
}

export type ReadBatch =
  /** To be answered with an `Answer` of as many places. */
  { readonly asks: readonly ResourcePath[] } | (PickBatch & { readonly notes: readonly string[] })

export interface PickBatch {
  readonly entries: readonly ReadEntry[]
  /** The small contents, one behind the other. */
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly identity: FolderIdentity
}

export interface ReadEntry {
  readonly path: ResourcePath
  /** `large`: to be opened by whoever wants it. A number: of so many of the batch's bytes. `absent`: nothing is there. */
  readonly content: 'none' | 'large' | 'absent' | number
}

/** Null: whoever asked has left. */
export interface Answer {
  readonly wanted: readonly boolean[] | null
}

const maxEntries = 256
const maxBytes = 1024 * 1024
/** What is larger travels as a stream. */
export const smallBytes = 64 * 1024

export async function run(order: ReadOrder, port: MessagePort, signal: AbortSignal): Promise<void> {
  await send(port, batches(order, port, signal), (batch) => ('bytes' in batch ? [batch.bytes.buffer] : []))
}

async function* batches(order: ReadOrder, port: MessagePort, signal: AbortSignal): AsyncGenerator<ReadBatch> {
  const listing = openRoot(order.root)
  const reading = listing.fork()
  try {
    const notes: string[] = []
    const batch = new Batch(reading, notes)
    const answers = new Answers(port)
    let nothing = true
    const note = (text: string): void => void notes.push(text)
    for await (const group of groups(walk(listing, order.path, { deep: order.deep, note, signal }))) {
      nothing = false
      let wanted: readonly boolean[] | undefined
      if (order.filtered) {
        yield { asks: group.map(({ path }) => path) }
        wanted = await answers.next()
      }
      for (const [i, found] of group.entries()) {
        if (wanted?.[i] === false) continue
        batch.add(found)
        if (batch.full) yield batch.take()
      }
    }
    if (nothing) throw new ReplicationError('missing', [`nothing is at ${quote(order.path)}`, ...notes].join('; '))
    yield batch.take()
  } finally {
    listing.close()
    reading.close()
  }
}

async function* groups(all: AsyncIterable<Found>): AsyncGenerator<Found[]> {
  let group: Found[] = []
  for await (const found of all) {
    group.push(found)
    if (group.length < maxEntries) continue
    yield group
    group = []
  }
  if (group.length > 0) yield group
}

/** Of no folder. */
const nowhere: FolderIdentity = { dev: -1, ino: -1 }

/** What is read until it is sent. */
export class Batch {
  readonly #folders: HeldFolders | undefined
  readonly #notes: string[]
  /** Room for one more, whatever is in it: whoever reads few small files takes little. */
  #scratch = Buffer.allocUnsafeSlow(2 * smallBytes)
  #entries: ReadEntry[] = []
  #used = 0

  /** Without folders nothing can be read. */
  constructor(folders: HeldFolders | undefined, notes: string[]) {
    this.#folders = folders
    this.#notes = notes
  }

  get full(): boolean {
    return this.#entries.length >= maxEntries || this.#used >= maxBytes
  }

  get empty(): boolean {
    return this.#entries.length === 0
  }

  /** Nothing is there. */
  addAbsent(path: ResourcePath): void {
    this.#entries.push({ path, content: 'absent' })
  }

  add({ path, folder }: Found): void {
    if (folder) this.#entries.push({ path, content: 'none' })
    else {
      if (this.#used + smallBytes > this.#scratch.length) this.#grow()
      const size = readWhole(this.#placeOf(path), path, this.#scratch, this.#used, smallBytes)
      this.#entries.push({ path, content: size ?? 'large' })
      this.#used += size ?? 0
    }
  }

  take(): PickBatch & { readonly notes: readonly string[] } {
    const batch = {
      entries: this.#entries,
      bytes: new Uint8Array(this.#scratch.subarray(0, this.#used)),
      notes: this.#notes.splice(0),
      identity: this.#folders?.identity ?? nowhere,
    }
    this.#entries = []
    this.#used = 0
    return batch
  }

  #grow(): void {
    const larger = Buffer.allocUnsafeSlow(Math.min(2 * this.#scratch.length, maxBytes + smallBytes))
    larger.set(this.#scratch.subarray(0, this.#used))
    this.#scratch = larger
  }

  #placeOf(path: ResourcePath): string {
    try {
      if (this.#folders === undefined) throw changed(path)
      return `${this.#folders.at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`
    } catch (error) {
      throw readFault(error, path)
    }
  }
}

/** What the other side says to each question, in order. */
class Answers {
  #said: Answer | undefined
  #wake: (() => void) | undefined

  constructor(port: MessagePort) {
    port.on('message', (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('wanted' in message)) return
      this.#said = message as Answer
      this.#wake?.()
    })
  }

  async next(): Promise<readonly boolean[]> {
    while (this.#said === undefined)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    const { wanted } = this.#said
    if (wanted === null) throw new ReplicationError('unavailable', 'stopped')
    this.#said = undefined
    return wanted
  }
}
