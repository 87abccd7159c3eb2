/** Reads a folder in the thread that writes packages of it: names in path order, small contents in batches, large ones in segments. */
import { ReplicationError } from '../../errors.ts'
import type { Piece } from '../../packages/pieces.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import type { AskAssistant } from '../../threads/assistant.ts'
import { maxFiles, type AheadOrder } from './ahead-thread.ts'
import { Breath } from './breath.ts'
import type { HeldFolders } from './held-folders.ts'
import { Learner } from './learner.ts'
import { PieceReader, type Entry } from './piece-reader.ts'
import { ReadAhead } from './read-ahead.ts'
import { openRoot } from './root.ts'
import { walkAtOnce } from './walk.ts'

export interface PiecesOrder {
  /** Absolute, no link on its way. */
  readonly root: string
  /** In path order, none within another if they are read `deep`. */
  readonly paths: readonly ResourcePath[]
  readonly deep: boolean
  /** What these keep out is never opened; what lies below it still may be. */
  readonly filters: readonly Filter[]
  /** Where digests are remembered; nothing is when absent. */
  readonly cacheFolder?: string
}

/** So many entries are known before they are read: as many as are worth another thread. */
const maxAhead = 1024
const aheadThread = new URL('./ahead-thread.js', import.meta.url)

export async function* read(
  order: unknown,
  note: (text: string) => void,
  signal: AbortSignal,
  askAssistant: AskAssistant,
): AsyncGenerator<Piece, void, void> {
  const { root, paths, deep, filters } = order as PiecesOrder
  const listing = openRoot(root)
  const learner = learnerOf(order as PiecesOrder, listing)
  const breath = new Breath(signal)
  const reader = new PieceReader(listing.fork(), learner, breath)
  const entries = new Entries(reader, () => {
    const { identity } = listing
    return new ReadAhead(askAssistant(aheadThread, { root, identity } satisfies AheadOrder), signal)
  })
  const isWanted = filters.length === 0 ? undefined : includes(filters)
  const notes: string[] = []
  const tell = (text: string): void => {
    if (notes.length < maxNotes) notes.push(text)
    note(text)
  }
  try {
    for (const start of paths) {
      let nothing = true
      for (const { path, folder } of walkAtOnce(listing, start, { deep, note: tell })) {
        nothing = false
        if (breath.due) await breath.take()
        if (isWanted?.(path) !== false) entries.add({ path, type: folder ? 'folder' : 'file' })
        else if (!folder) entries.add({ path, type: 'passed' })
        if (entries.count >= maxAhead) yield* entries.read()
      }
      if (nothing) throw new ReplicationError('missing', [`nothing is at ${quote(start)}`, ...notes].join('; '))
    }
    while (entries.count > 0) yield* entries.read()
    yield* reader.rest()
    learner?.end()
  } finally {
    listing.close()
    entries.close()
    reader.close()
  }
}

/** Entries between the walk and the reading of them, which another thread does once there are many. */
class Entries {
  readonly #reader: PieceReader
  readonly #help: () => ReadAhead
  #ahead: ReadAhead | undefined
  /** That the other thread was asked for, and behind these what it was not. */
  readonly #asked: Entry[] = []
  readonly #added: Entry[] = []

  constructor(reader: PieceReader, help: () => ReadAhead) {
    this.#reader = reader
    this.#help = help
  }

  get count(): number {
    return this.#asked.length + this.#added.length
  }

  add(entry: Entry): void {
    this.#added.push(entry)
  }

  /** Some of them. */
  async *read(): AsyncGenerator<Piece, void, void> {
    if (this.count >= maxAhead) this.#ahead ??= this.#help()
    if (this.#ahead?.ready === true && this.#added.length > 0) {
      this.#ahead.ask(this.#added.filter(({ type }) => type === 'file').map(({ path }) => path))
      this.#asked.push(...this.#added.splice(0))
    }
    if (this.#asked.length === 0) yield* this.#reader.read(this.#added.splice(0, maxFiles))
    else if (this.#asked.some(({ type }) => type === 'file')) {
      const read = await this.#ahead?.next()
      // It has gone: what it was asked for is still there to be read.
      if (read === undefined) this.#added.unshift(...this.#asked.splice(0))
      else {
        yield* this.#reader.readBefore(read, this.#asked)
        this.#ahead?.release(read)
      }
    } else yield* this.#reader.read(this.#asked.splice(0))
  }

  close(): void {
    this.#ahead?.close()
  }
}

/** So many notes say why there is nothing. */
const maxNotes = 20

/** What is read of one folder, and all below it, is remembered. */
function learnerOf(
  { root, paths: [start, ...others], deep, cacheFolder }: PiecesOrder,
  { identity: { dev } }: HeldFolders,
): Learner | undefined {
  if (cacheFolder === undefined || !deep || start === undefined || others.length > 0) return undefined
  return new Learner({ folder: cacheFolder, root, dev, start })
}
