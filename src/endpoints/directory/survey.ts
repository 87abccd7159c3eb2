/**
 * One look at all that a target holds within a mirror, beside what the mirror lists: what is surplus, whether the guard admits that, what the mirror will
 * change or add, and which entries of its packages have to be looked at for it. What is not among those is there already, with the content that is
 * listed, and durable. Little of it is held: a bit for each entry; the paths are written down in the lane's folder.
 */
import { EntrySet } from '../../packages/entry-set.ts'
import { placedEntry, placedLines, placedState, type PlacedLines } from '../../packages/placed-lines.ts'
import { linesIn, spelledLines } from '../../packages/manifest-text.ts'
import type { ManifestHeader, PackageFile, PackageId } from '../../packages/manifest.ts'
import { byteDifferences, type Difference } from '../../resources/byte-differences.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import { countLines, type Block } from '../../resources/listing.ts'
import { isWithin, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { DeleteGuard } from '../delivery.ts'
import { regionsOf, SurplusUpwards, wasAt, type Was } from '../mirror.ts'
import type { LaneWork } from './in-lane.ts'
import { blocks } from './list-thread.ts'
import { nothing, settle } from './settle.ts'
import { RecordWriter } from './survey-records.ts'
import { Unsynced } from './unsynced.ts'
import { linesAt, stillGood, type WalkedLines } from './walks.ts'

export interface Surveying {
  /** Absolute. */
  readonly root: string
  readonly cacheFolder: string | undefined
  readonly header: ManifestHeader
  readonly parts: readonly PackageFile[]
  readonly paths: readonly ResourcePath[] | undefined
  readonly deletes: DeleteGuard
  readonly verify: boolean
  /** What these keep out is taken for absent in what is `touched`. */
  readonly filters: readonly Filter[]
  /** What was found there a moment ago for its sake. */
  readonly walked?: WalkedLines | undefined
}

/** What can be sent to another thread. */
export interface Surveyed {
  /** Of the folder, in that of the lane, in which these are written down. */
  readonly name: string
  readonly parts: readonly SurveyedPart[]
}

export interface SurveyedPart {
  readonly package: PackageId
  /** The numbers, as an EntrySet has them, of those entries that have to be looked at: of all that delete nothing and are wanted. */
  readonly visits: Uint8Array<ArrayBuffer>
  readonly visited: number
  /** How many of its lines delete nothing. */
  readonly lines: number
}

/** In a survey's folder: what the mirror will change, in path order. */
export const touchedFile = 'touched'
/** And what it will remove, each before the folder that it is in. */
export const surplusFile = 'surplus'

/** Throws `conflict` when more would be removed than the guard admits. */
export async function survey(order: Surveying, work: LaneWork): Promise<Surveyed> {
  const { folders, lane, breath, signal } = work
  const { header, paths, parts, deletes } = order
  const walked = stillGood(order, lane)
  const name = await lane.makeSurvey(breath)
  const regions = regionsOf(header, paths)
  const looking = folders.fork()
  const records: RecordWriter[] = []
  const record = (file: string): RecordWriter => {
    const writer = new RecordWriter(`${lane.place}/${name}/${file}`)
    records.push(writer)
    return writer
  }
  try {
    const [touched, removed] = [record(touchedFile), record(surplusFile)]
    const surplus = new SurplusUpwards((path, folder) => removed.add({ path, was: folder ? 'folder' : 'content' }))
    const unsynced = new Unsynced(looking, regions, lane.durableBefore, signal)
    const found = new PartsFound(parts)
    const beside = new Beside(order, surplus, touched, found)
    for await (const one of byteDifferences(
      found.lines(),
      walked !== undefined ? linesAt(walked.fd) : spelledLines(held(order, regions, unsynced, signal)),
      placedState,
    )) {
      if (breath.due) await breath.take()
      if ('same' in one) beside.same(one.same)
      else beside.differ(one)
    }
    surplus.end(deletes)
    for (const writer of records) writer.end()
    await settle({ ...work, syncedBefore: 0, placed: [], changes: nothing, unsynced, surplus: nothing })
    return { name, parts: found.parts }
  } catch (error) {
    await lane.removeSurvey(name, breath).catch(() => undefined)
    throw error
  } finally {
    looking.close()
    for (const writer of records) writer.close()
  }
}

async function* held(
  { root, cacheFolder, verify }: Surveying,
  regions: readonly ResourcePath[],
  unsynced: Unsynced,
  signal: AbortSignal,
): AsyncGenerator<Block, void, void> {
  const saw = unsynced.saw.bind(unsynced)
  for (const path of regions)
    yield* blocks({ root, path, verify, ...(cacheFolder !== undefined && { cacheFolder }) }, signal, {
      saw,
      goesOn: true,
    })
}

/** Says of each path, held or listed, what follows from it. */
class Beside {
  readonly #isIncluded: (path: ResourcePath) => boolean
  /** Undefined: all is. */
  readonly #isSeen: ((path: ResourcePath) => boolean) | undefined
  readonly #isWanted: (path: ResourcePath) => boolean
  readonly #surplus: SurplusUpwards
  readonly #touched: RecordWriter
  readonly #found: PartsFound

  constructor(
    { header, filters, paths }: Surveying,
    surplus: SurplusUpwards,
    touched: RecordWriter,
    found: PartsFound,
  ) {
    this.#isIncluded = includes(header.filters ?? [])
    this.#isSeen = filters.length === 0 ? undefined : includes(filters)
    this.#isWanted = (path) => paths?.some((root) => isWithin(path, root)) ?? true
    this.#surplus = surplus
    this.#touched = touched
    this.#found = found
  }

  /** Lines that the mirror lists and the target has. */
  same(lines: Uint8Array): void {
    const { path } = placedEntry(lines, 0)
    const count = countLines(lines)
    this.#surplus.stay(path, path === rootPath ? count - 1 : count)
    this.#found.pass(count)
    if (this.#isSeen === undefined) return
    for (const [begin] of linesIn(lines)) {
      const { path: one } = placedEntry(lines, begin)
      if (one !== rootPath && !this.#isSeen(one)) this.#touched.add({ path: one, was: 'absent' })
    }
  }

  differ(difference: Difference): void {
    const { state, path, target } = difference
    if (state === 'added' && !this.#isWanted(path)) return this.#found.leave()
    if (state !== 'removed') {
      this.#found.visit()
      this.#surplus.stay(path, target === undefined || path === rootPath ? 0 : 1)
    } else if (path !== rootPath) {
      if (this.#isIncluded(path)) this.#surplus.doubt(path, target.digest === undefined)
      else this.#surplus.stay(path, 1)
    }
    const was = path === rootPath ? undefined : this.#touchedAt(difference)
    if (was !== undefined) this.#touched.add({ path, was })
  }

  /** Undefined: it stays as it is. */
  #touchedAt(difference: Difference): Was['was'] | undefined {
    if (this.#isSeen?.(difference.path) !== false) return wasAt(difference, this.#isIncluded)
    return difference.state === 'removed' ? undefined : 'absent'
  }
}

/** Which part's entry the next line is. */
class PartsFound {
  readonly #files: readonly PackageFile[]
  /** Of each part: which to visit, and how many of its entries were passed, wanted or not. */
  readonly #parts: { readonly visits: EntrySet; wanted: number; lines: number; total: number }[]
  #part = 0
  /** How far the lines have been read. */
  #reading = 0

  constructor(files: readonly PackageFile[]) {
    this.#files = files
    this.#parts = files.map(() => ({ visits: new EntrySet(new Uint8Array(0)), wanted: 0, lines: 0, total: 0 }))
  }

  get parts(): readonly SurveyedPart[] {
    return this.#files.map(({ id }, i) => {
      const { visits, total } = this.#at(i)
      return { package: id, visits: visits.bits, visited: visits.count, lines: total }
    })
  }

  /** The lines of all, which are read no further ahead than a block. */
  async *lines(): AsyncGenerator<PlacedLines, void, void> {
    for await (const block of placedLines(this.#files)) {
      while (this.#files[this.#reading]?.id !== block.package) this.#reading++
      this.#at(this.#reading).total += countLines(block.bytes)
      yield block
    }
  }

  /** So many that stay as they are; of one part. */
  pass(count: number): void {
    const part = this.#next
    part.wanted += count
    part.lines += count
  }

  /** One that has to be looked at. */
  visit(): void {
    const part = this.#next
    part.visits.add(part.wanted++)
    part.lines++
  }

  /** One that is not wanted. */
  leave(): void {
    this.#next.lines++
  }

  /** All that was read of those before has been passed. */
  get #next(): { readonly visits: EntrySet; wanted: number; lines: number } {
    for (;;) {
      const part = this.#at(this.#part)
      if (part.lines < part.total) return part
      this.#part++
    }
  }

  #at(number: number): { readonly visits: EntrySet; wanted: number; lines: number; total: number } {
    const part = this.#parts[number]
    if (part === undefined) throw new Error('there are more lines than parts have')
    return part
  }
}
