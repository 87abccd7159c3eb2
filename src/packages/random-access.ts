import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { isMainThread } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'

/** Bytes that can be read at any place. */
export interface RandomAccess {
  readonly size: number
  /** Fills as much of `into` as there is; answers how much. */
  readonly read: (this: void, into: Uint8Array, position: number) => Promise<number>
  close(): Promise<void>
}

/** So much is read at once: to read a package takes ten steps, and each would be a trip to another thread and back. */
export const smallBytes = 64 * 1024

/** In a thread it is read synchronously: that is what threads are for, and costs no trip to another one. */
export async function fileAccess(file: string): Promise<RandomAccess> {
  if (!isMainThread) return inThread(file)
  const handle = await open(file, 'r')
  let isKept = false
  try {
    const { size } = await handle.stat()
    const access: RandomAccess = {
      size,
      read: async (into, position) => (await handle.read(into, 0, into.length, position)).bytesRead,
      close: () => handle.close(),
    }
    isKept = size > smallBytes
    return isKept ? access : await inMemory(access)
  } finally {
    if (!isKept) await handle.close()
  }
}

function inThread(file: string): RandomAccess {
  const fd = openSync(file, 'r')
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(fd)
    isOpen = false
  }
  try {
    return {
      size: fstatSync(fd).size,
      read: async (into, position) => {
        // By now the number may be that of another file.
        if (!isOpen) throw new Error('the package is closed')
        return readSync(fd, into, 0, into.length, position)
      },
      close: async () => close(),
    }
  } catch (error) {
    close()
    throw error
  }
}

async function inMemory(access: RandomAccess): Promise<RandomAccess> {
  const bytes = Buffer.allocUnsafeSlow(access.size)
  let end = 0
  while (end < bytes.length) {
    const read = await readFrom(access, bytes.subarray(end), end)
    if (read === 0) break
    end += read
  }
  return bytesAccess(bytes.subarray(0, end), access.size)
}

export function bytesAccess(there: Uint8Array, size = there.length): RandomAccess {
  return {
    size,
    read: async (into, position) => {
      const part = there.subarray(position, position + into.length)
      into.set(part)
      return part.length
    },
    close: async () => undefined,
  }
}

/** `access.read`, whose failure is `unavailable`: what cannot be read now says nothing about the package. */
export async function readFrom(access: RandomAccess, into: Uint8Array, position: number): Promise<number> {
  try {
    return await access.read(into, position)
  } catch (cause) {
    throw new ReplicationError('unavailable', 'reading a package failed; the disk may be at fault', { cause })
  }
}

/**
 * A part of the bytes in memory, that moves along with whoever reads them in order: a zip is read in many small steps, and
 * each by itself would be a trip to the file.
 */
export class Window {
  readonly #access: RandomAccess
  readonly #size: number
  #bytes = Buffer.alloc(0)
  #start = 0
  #end = 0

  constructor(access: RandomAccess, size: number) {
    this.#access = access
    this.#size = size
  }

  /** The bytes, if they are here: valid until the next `load`. */
  view(position: number, length: number): Buffer | undefined {
    if (position < this.#start || position + length > this.#end) return undefined
    return this.#bytes.subarray(position - this.#start, position - this.#start + length)
  }

  /** The bytes, valid until the next `load`. Throws `corrupt` when the file ends before them. */
  async load(position: number, length: number): Promise<Buffer> {
    const here = this.view(position, length)
    if (here !== undefined) return here
    if (position < 0 || position + length > this.#access.size)
      throw new ReplicationError('corrupt', 'package: it is cut off, or refers to bytes behind its end')
    const wanted = Math.max(length, Math.min(this.#size, this.#access.size - position))
    if (this.#bytes.length < wanted) this.#bytes = Buffer.allocUnsafeSlow(wanted)
    this.#start = this.#end = position
    while (this.#end - position < wanted) {
      const into = this.#bytes.subarray(this.#end - position, wanted)
      const read = await readFrom(this.#access, into, this.#end)
      if (read === 0) throw new ReplicationError('corrupt', 'package: it became shorter while it was read')
      this.#end += read
    }
    return this.#bytes.subarray(0, length)
  }
}
