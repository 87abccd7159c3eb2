import { closeSync, constants, ftruncateSync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import type { LargeContent } from '../../packages/content.ts'
import type { Breath } from './breath.ts'
import { codeOf } from './faults.ts'

/** The staging folder is ours alone. Where upper and lower case are the same, the last one stays, as it does in the target. */
export const newFile = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

const pieceBytes = 1024 * 1024
/**
 * What is as large is written past the page cache: it would push out what is read there, and each of its pages costs as much as the copy
 * into it, or several times that where a hypervisor has taken free pages back. All of it is flushed anyway, and nothing reads it next.
 */
const directBytes = 16 * 1024 * 1024
/** What is written so begins and ends at a multiple of this, in the file and in memory. */
const blockBytes = 4096

const writeAt = promisify(write)

/** Of node's memory only that of WebAssembly is sure to begin at a page; TypeScript knows it from browsers alone. */
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer }
}
const wasmPageBytes = 64 * 1024

function alignedBuffer(): Buffer {
  const pages = pieceBytes / wasmPageBytes
  try {
    return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer)
  } catch {
    // It reserves more than a process with a limit to its addresses has. From any other memory a disk may not take it: then it goes through the cache.
    return Buffer.allocUnsafeSlow(pieceBytes)
  }
}

/** Writes large contents, one at a time, each piece while the next is read. */
export class LargeWriter {
  readonly #breath: Breath
  #buffers: readonly [Buffer, Buffer] | undefined

  constructor(breath: Breath) {
    this.#breath = breath
  }

  /** Answers how many bytes these were. Throws what reading does, and the errors of node:fs. */
  async write(content: LargeContent, size: number, place: string): Promise<number> {
    this.#buffers ??= [alignedBuffer(), alignedBuffer()]
    const file = new LargeFile(place, size)
    let writing: Promise<void> | undefined
    try {
      for await (const piece of content.pieces(this.#buffers)) {
        await writing
        writing = file.add(piece)
        // Looked at when the next has been read.
        writing.catch(() => undefined)
        if (this.#breath.due) await this.#breath.take()
      }
      await writing
      return file.end()
    } finally {
      // The handle is not closed, nor the piece read into, while it is used.
      await writing?.catch(() => undefined)
      file.close()
    }
  }
}

class LargeFile {
  readonly #place: string
  #fd: number
  #isDirect: boolean
  #written = 0

  constructor(place: string, size: number) {
    this.#place = place
    const direct = size < directBytes ? undefined : openDirect(place)
    this.#isDirect = direct !== undefined
    this.#fd = direct ?? openSync(place, newFile)
  }

  /** Behind what was added before, which is of whole blocks. */
  async add(piece: Buffer): Promise<void> {
    const position = this.#written
    this.#written += piece.length
    if (!this.#isDirect) return this.#put(piece, position)
    try {
      await this.#put(inBlocks(piece), position)
    } catch (error) {
      if (codeOf(error) !== 'EINVAL') throw error
      // Its file system wants other blocks, or none.
      const fd = openSync(this.#place, constants.O_WRONLY | constants.O_NOFOLLOW)
      closeSync(this.#fd)
      this.#fd = fd
      this.#isDirect = false
      await this.#put(piece, position)
    }
  }

  end(): number {
    if (this.#isDirect && this.#written % blockBytes > 0) ftruncateSync(this.#fd, this.#written)
    return this.#written
  }

  close(): void {
    closeSync(this.#fd)
  }

  async #put(bytes: Uint8Array, position: number): Promise<void> {
    for (let at = 0; at < bytes.length;)
      at += (await writeAt(this.#fd, bytes, at, bytes.length - at, position + at)).bytesWritten
  }
}

/** Undefined where the file system cannot, or this is not Linux. */
function openDirect(place: string): number | undefined {
  try {
    return (constants.O_DIRECT as number | undefined) === undefined
      ? undefined
      : openSync(place, newFile | constants.O_DIRECT)
  } catch (error) {
    if (codeOf(error) === 'EINVAL') return undefined
    throw error
  }
}

/** With zeros up to the end of its last block: a piece has all of its buffer to itself. */
function inBlocks(piece: Buffer): Buffer {
  const length = Math.ceil(piece.length / blockBytes) * blockBytes
  return Buffer.from(piece.buffer, piece.byteOffset, length).fill(0, piece.length)
}
