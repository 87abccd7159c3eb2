import { isUtf8 } from 'node:buffer'
import { callbackify } from 'node:util'
import { fromRandomAccessReaderPromise, RandomAccessReader, type Entry } from 'yauzl'
import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import { Window, type RandomAccess } from './random-access.ts'
import type { ZipEnd } from './zip-end.ts'
import { deflated, max32, stored, utf8Flag, zip64Field } from './zip-format.ts'

/** An entry of the central directory, all of whose fields are such as a package may have. Not yet its name. */
export interface ZipEntry {
  readonly name: Buffer
  readonly method: typeof stored | typeof deflated
  readonly flags: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  /** Of the local header. */
  readonly offset: number
}

const windowBytes = 256 * 1024
/** Sizes behind the content, how hard deflate tried, and names in UTF-8. All other flags mean something to refuse. */
const admittedFlags = 0x0008 | 0x0006 | utf8Flag
/** Besides zip64, what zip tools add for the time and the owner; nothing that could give another name. */
export const admittedFields: ReadonlySet<number> = new Set([zip64Field, 0x5455, 0x7875])
/** The longest path, escaped: 4,096 bytes in segments of one character, each of which gets `.dir` or becomes `%xx`. */
const maxNameBytes = 20_000

/** The entries in the order of the central directory. Throws `corrupt`, `invalid`. */
export async function* zipEntries(access: RandomAccess, end: ZipEnd): AsyncGenerator<ZipEntry, void, void> {
  const zip = await translated(
    fromRandomAccessReaderPromise(new WindowReader(access), access.size, {
      decodeStrings: false,
      validateEntrySizes: false,
    }),
  )
  const entries = zip.eachEntry()
  let cursor = end.start
  try {
    for (;;) {
      const { done, value: entry } = await translated(entries.next())
      if (done === true) break
      cursor += 46 + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength
      if (cursor > end.end) throw new ReplicationError('corrupt', 'package: its central directory runs over its end')
      yield checked(entry, end)
    }
  } finally {
    await entries.return?.()
  }
  if (cursor !== end.end)
    throw new ReplicationError('corrupt', 'package: its central directory has more in it than its end counts')
}

/** What is wrong with a name that is not the one expected: for the message. */
export function faultInName(name: Buffer): ReplicationError | undefined {
  const text = name.toString()
  const invalid = (what: string): ReplicationError =>
    new ReplicationError('invalid', `package entry ${quote(text)}: its name ${what}`)
  if (name.length > maxNameBytes)
    return new ReplicationError('too-large', `package entry ${quote(text)}: its name is longer than any path`)
  if (!isUtf8(name)) return invalid('is not UTF-8')
  if (name.includes(0)) return invalid('contains a NUL')
  if (name.includes(0x5c)) return invalid('contains a backslash')
  if (/^\/|^[A-Za-z]:/.test(text)) return invalid('is absolute')
  if (text.split('/').includes('..')) return invalid('leads out of the package')
  return undefined
}

function checked(entry: Entry, end: ZipEnd): ZipEntry {
  const name = entry.fileNameRaw
  const label = (): string => `package entry ${quote(name.toString())}`
  const { generalPurposeBitFlag: flags, compressionMethod: method, relativeOffsetOfLocalHeader: offset } = entry
  const { compressedSize: packed, uncompressedSize: size, externalFileAttributes } = entry
  if ((flags & 0x2041) !== 0) throw new ReplicationError('invalid', `${label()} is encrypted`)
  if ((flags & ~admittedFlags) !== 0) throw new ReplicationError('invalid', `${label()} has unknown flags`)
  const isFolder = name.at(-1) === 0x2f
  const kind = (externalFileAttributes >>> 16) & 0o170000
  if (kind === 0o120000) throw new ReplicationError('invalid', `${label()} is a symbolic link`)
  if (kind !== 0 && kind !== (isFolder ? 0o040000 : 0o100000))
    throw new ReplicationError('invalid', `${label()} is neither a file nor a folder, or not as its name says`)
  if (method !== stored && method !== deflated)
    throw new ReplicationError('invalid', `${label()} is packed by the unknown method ${method}`)
  if (entry.fileCommentLength > 0) throw new ReplicationError('invalid', `${label()} has a comment`)
  for (const { id } of entry.extraFields)
    if (!admittedFields.has(id))
      throw new ReplicationError('invalid', `${label()} has the extra field 0x${id.toString(16)}`)
  if ((flags & utf8Flag) === 0 && name.some((byte) => byte >= 0x80))
    throw new ReplicationError('invalid', `${label()}: its name is not UTF-8, or is not said to be`)
  if (method === stored && packed !== size)
    throw new ReplicationError('corrupt', `${label()} is not packed, and yet has two sizes`)
  // An empty stream of deflate has two bytes.
  if (isFolder && (size > 0 || packed > 2))
    throw new ReplicationError('corrupt', `${label()} is a folder and has content`)
  if ([packed, size, offset].some((value) => value === max32 || value > Number.MAX_SAFE_INTEGER))
    throw new ReplicationError('corrupt', `${label()} has a size or place without a value`)
  if (offset + 30 + name.length + packed > end.start)
    throw new ReplicationError('corrupt', `${label()} reaches into the central directory`)
  // Deflate at its worst adds 5 bytes for each 64 KiB; much more is something hidden.
  if (packed > size + size / 1024 + 1024)
    throw new ReplicationError('corrupt', `${label()} is larger packed than unpacked`)
  return { name, method, flags, crc: entry.crc32, packed, size, offset }
}

class WindowReader extends RandomAccessReader {
  readonly #window: Window

  constructor(access: RandomAccess) {
    super()
    this.#window = new Window(access, windowBytes)
  }

  override read(
    into: Buffer,
    offset: number,
    length: number,
    position: number,
    answer: (error: Error | null, read?: number) => void,
  ): void {
    const here = this.#window.view(position, length)
    if (here !== undefined) {
      here.copy(into, offset)
      answer(null, length)
      return
    }
    const load = async (): Promise<Buffer> => this.#window.load(position, length)
    callbackify(load)((error, bytes) => {
      bytes?.copy(into, offset)
      answer(error, length)
    })
  }
}

/** What yauzl finds wrong is wrong with the package; what is ours already stays as it is. */
async function translated<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (cause) {
    if (cause instanceof ReplicationError) throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    if (why.includes('encryption')) throw new ReplicationError('invalid', 'package: an entry is encrypted', { cause })
    throw new ReplicationError('corrupt', `package: its central directory cannot be read: ${quote(why)}`, { cause })
  }
}
