/**
 * The receipts of a lane, in the file `receipts` of its folder: one line of JSON each, in the order in which they were
 * given. A crash may leave the last line torn; a line that does not parse says nothing.
 */
import { closeSync, constants, fstatSync, fsyncSync, openSync, readSync, renameSync, writeFileSync } from 'node:fs'
import type { Receipt } from '../endpoint.ts'
import { codeOf } from './faults.ts'

const fileName = 'receipts'
/** A delivery is repeated soon or never; so many later ones of its lane will not have come between. */
const kept = 1000

/** The receipt of a delivery, durable, or undefined. `place` is that of the lane's folder. */
export function findReceipt(place: string, delivery: string): Receipt | undefined {
  const fd = open(place, constants.O_RDONLY)
  if (fd === undefined) return undefined
  try {
    const receipt = linesOf(fd)
      .filter((line) => line.includes(JSON.stringify(delivery)))
      .map(parse)
      .find((found) => found?.delivery === delivery)
    // Whoever wrote it may have died before it was durable.
    if (receipt !== undefined) fsyncSync(fd)
    return receipt
  } finally {
    closeSync(fd)
  }
}

/**
 * Adds a receipt and makes it durable, save for the file's name when it is new. `staging` is the name of the caller's
 * staging folder: a shortened file, too, comes only out of that.
 */
export function keepReceipt(place: string, staging: string, receipt: Receipt): void {
  const line = `${JSON.stringify(receipt)}\n`
  const fd = open(place, constants.O_RDWR | constants.O_CREAT | constants.O_APPEND)
  if (fd === undefined) throw new Error('the file of receipts could not be made')
  try {
    writeFileSync(fd, endsWhole(fd) ? line : `\n${line}`)
    fsyncSync(fd)
    const lines = linesOf(fd)
    if (lines.length > 2 * kept) shorten(place, staging, lines.slice(-kept))
  } finally {
    closeSync(fd)
  }
}

function shorten(place: string, staging: string, lines: readonly string[]): void {
  const next = `${place}/${staging}/${fileName}`
  const fd = openSync(next, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)
  try {
    writeFileSync(fd, `${lines.join('\n')}\n`)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(next, `${place}/${fileName}`)
}

function open(place: string, flags: number): number | undefined {
  try {
    return openSync(`${place}/${fileName}`, flags | constants.O_NOFOLLOW, 0o600)
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
