/**
 * The receipts of a lane, in the file `receipts` of its folder: one line of JSON each, in the order in which they were
 * given. A crash may leave the last line torn; a line that does not parse says nothing.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import type { Receipt } from '../endpoint.ts'
import { codeOf } from './faults.ts'

const fileName = 'receipts'
/** A delivery is repeated soon or never; so many later ones of its lane will not have come between. */
export const kept = 1000

/**
 * The receipts as one worker has them. He opens the file when he begins, and whoever takes over from one who has not ended puts a
 * new file in its place: what the other still adds when he comes back, is seen by nobody.
 */
export class Receipts {
  readonly #place: string
  readonly #staging: string
  #fd: number | undefined

  /**
   * `place` is that of the lane's folder, `staging` the name of the worker's staging folder. To be made before anything
   * is changed, and worth nothing if the lane is over by then. `renew`: somebody else may still have the file.
   */
  constructor(place: string, staging: string, renew: boolean) {
    this.#place = place
    this.#staging = staging
    this.#fd = open(place)
    if (renew && this.#fd !== undefined) this.#replace(linesOf(this.#fd))
  }

  /** The receipt of a delivery, durable, or undefined. */
  find(delivery: string): Receipt | undefined {
    if (this.#fd === undefined) return undefined
    const receipt = linesOf(this.#fd)
      .filter((line) => line.includes(JSON.stringify(delivery)))
      .map(parse)
      .find((found) => found?.delivery === delivery)
    // Whoever wrote it may have died before it was durable.
    if (receipt !== undefined) fsyncSync(this.#fd)
    return receipt
  }

  /** Adds a receipt and makes it durable, save for the file's name when it is new. */
  keep(receipt: Receipt): void {
    const line = JSON.stringify(receipt)
    if (this.#fd === undefined) return this.#replace([line])
    writeFileSync(this.#fd, endsWhole(this.#fd) ? `${line}\n` : `\n${line}\n`)
    fsyncSync(this.#fd)
    const lines = linesOf(this.#fd)
    if (lines.length > 2 * kept) this.#replace(lines.slice(-kept))
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  /** A new file, too, comes only out of the staging folder. */
  #replace(lines: readonly string[]): void {
    const next = `${this.#place}/${this.#staging}/${fileName}`
    const fd = openSync(next, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_APPEND, 0o600)
    try {
      writeFileSync(fd, lines.map((line) => `${line}\n`).join(''))
      fsyncSync(fd)
      renameSync(next, `${this.#place}/${fileName}`)
    } catch (error) {
      closeSync(fd)
      throw error
    }
    this.close()
    this.#fd = fd
  }
}

function open(place: string): number | undefined {
  try {
    return openSync(`${place}/${fileName}`, constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function linesOf(fd: number): string[] {
  const bytes = Buffer.alloc(fstatSync(fd).size)
  let read = 0
  for (let got = -1; got !== 0 && read < bytes.length; read += got)
    got = readSync(fd, bytes, read, bytes.length - read, read)
  return bytes
    .toString('utf8', 0, read)
    .split('\n')
    .filter((line) => line !== '')
}

function endsWhole(fd: number): boolean {
  const { size } = fstatSync(fd)
  const last = Buffer.alloc(1)
  return size === 0 || (readSync(fd, last, 0, 1, size - 1) === 1 && last[0] === 0x0a)
}

function parse(line: string): Receipt | undefined {
  try {
    return JSON.parse(line) as Receipt
  } catch {
    return undefined
  }
}
