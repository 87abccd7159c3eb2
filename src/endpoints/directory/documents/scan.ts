/** The documents that lie in a folder's files, in a thread. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { decodeName, pathOf, type Document, type DocumentName } from '../../../documents/names.ts'
import { resourcesIn } from '../../../documents/resources.ts'
import type { Schema } from '../../../documents/schema.ts'
import { documentsIn, readDocuments, type Standing } from '../../../documents/streams/read.ts'
import { ReplicationError } from '../../../errors.ts'
import { parentPath, quote, rootPath, segmentsOf, type ResourcePath } from '../../../resources/path.ts'
import type { Breath } from '../breath.ts'
import { changed, readFault } from '../faults.ts'
import { asFile, type HeldFolders } from '../held-folders.ts'
import { differs, readWhole, settled } from '../stable-file.ts'
import { walk } from '../walk.ts'

export interface Scanned {
  /** Where its file is, among resources. */
  readonly file: ResourcePath
  readonly document: Document
  /** The file holds it alone, and is named after it: `/<type>/<id>.<ending>`. */
  readonly isAtHome: boolean
}

export interface ScanOptions {
  readonly schema: Schema
  readonly note: (note: string) => void
  readonly signal: AbortSignal
  readonly breath: Breath
}

const endings = { '.yaml': 'yaml', '.yml': 'yaml', '.json': 'json' } as const
type Ending = keyof typeof endings

/** What is larger is read in parts. */
const smallBytes = 256 * 1024

/**
 * All documents below the root, file by file. Files and folders whose names begin with a dot are passed over, and files that
 * no documents are in by their names, with a note. Throws `invalid` for what is named like a document and is none.
 */
export async function* scan(folders: HeldFolders, options: ScanOptions): AsyncGenerator<Scanned, void, void> {
  const { note, signal } = options
  const listing = folders.fork()
  const reading = folders.fork()
  const scratch = new Uint8Array(smallBytes)
  try {
    const skips = (path: ResourcePath): boolean => (segmentsOf(path).at(-1) ?? '').startsWith('.')
    for await (const { path, folder } of walk(listing, rootPath, { deep: true, note, signal, skips })) {
      if (folder) continue
      const ending = endingOf(path)
      if (ending === undefined)
        note(`${quote(path)} is passed over: its name is not that of a document (.yaml, .yml, .json)`)
      else yield* inFile(reading, path, ending, scratch, options)
    }
  } finally {
    listing.close()
    reading.close()
  }
}

/** The documents of one file, whose name has one of the endings. */
export async function* scanFile(
  folders: HeldFolders,
  file: ResourcePath,
  options: ScanOptions,
): AsyncGenerator<Scanned, void, void> {
  yield* inFile(folders, file, endingOf(file) ?? '.yaml', new Uint8Array(smallBytes), options)
}

function endingOf(path: ResourcePath): Ending | undefined {
  const ending = /\.[a-z]+$/.exec(path)?.[0]
  return ending !== undefined && ending in endings ? (ending as Ending) : undefined
}

async function* inFile(
  folders: HeldFolders,
  file: ResourcePath,
  ending: Ending,
  scratch: Uint8Array,
  { schema, breath }: ScanOptions,
): AsyncGenerator<Scanned, void, void> {
  const place = placeIn(file, ending)
  const standing = standingIn(folders, file, ending, scratch, breath)
  try {
    let last = await standing.next()
    const first = last.done === true ? undefined : last.value
    if (first === undefined) return
    last = await standing.next()
    if (last.done === true) {
      const named = resourcesIn(first.value, schema, place)
      const isAtHome = named.length === 1 && isSame(named[0], first, file, ending)
      for (const document of named) yield { file, document, isAtHome }
      return
    }
    const { type } = place
    const inType = type === undefined ? {} : { type }
    for (const document of named(first, schema, inType)) yield { file, document, isAtHome: false }
    for (; last.done !== true; last = await standing.next())
      for (const document of named(last.value, schema, inType)) yield { file, document, isAtHome: false }
  } catch (error) {
    if (!(error instanceof ReplicationError) || error.code === 'unavailable' || error.code === 'rejected') throw error
    throw new ReplicationError(error.code, `${quote(file)}: ${error.message}`, { cause: error })
  } finally {
    await standing.return()
  }
}

function isSame(document: Document | undefined, { value }: Standing, file: ResourcePath, ending: Ending): boolean {
  return document?.value === value && `${pathOf(document)}${ending}` === file
}

function named({ value, number, line }: Standing, schema: Schema, place: Partial<DocumentName>): Document[] {
  try {
    return resourcesIn(value, schema, place)
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error
    throw new ReplicationError(error.code, `document ${number} on line ${line}: ${error.message}`, { cause: error })
  }
}

/** What the names of the file and its folder say, as far as they are names of documents. */
function placeIn(file: ResourcePath, ending: Ending): Partial<DocumentName> {
  const [name = '', folder] = segmentsOf(file).toReversed()
  const [id, type] = [decoded(name.slice(0, -ending.length)), folder === undefined ? undefined : decoded(folder)]
  return { ...(id !== undefined && { id }), ...(type !== undefined && { type }) }
}

function decoded(name: string): string | undefined {
  try {
    return decodeName(name)
  } catch {
    return undefined
  }
}

async function* standingIn(
  folders: HeldFolders,
  file: ResourcePath,
  ending: Ending,
  scratch: Uint8Array,
  breath: Breath,
): AsyncGenerator<Standing, void, void> {
  const format = endings[ending]
  const place = placeOfFile(folders, file)
  const size = readWhole(place, file, scratch, 0, scratch.length)
  if (size !== undefined) yield* documentsIn(scratch.subarray(0, size), { format })
  else yield* readDocuments(chunksOf(place, file, breath), { format })
}

export function placeOfFile(folders: HeldFolders, file: ResourcePath): string {
  try {
    return `${folders.at(parentPath(file) ?? rootPath)}/${segmentsOf(file).at(-1) ?? ''}`
  } catch (error) {
    throw readFault(error, file)
  }
}

async function* chunksOf(place: string, file: ResourcePath, breath: Breath): AsyncGenerator<Uint8Array, void, void> {
  let fd: number | undefined
  try {
    fd = openSync(place, asFile)
    const before = settled(fd, file)
    const bytes = Buffer.allocUnsafe(smallBytes)
    for (let got = readSync(fd, bytes); got > 0; got = readSync(fd, bytes)) {
      yield bytes.subarray(0, got)
      if (breath.due) await breath.take()
    }
    if (differs(before, fstatSync(fd))) throw changed(file)
  } catch (error) {
    throw readFault(error, file)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
