import type { FileHandle } from 'node:fs/promises'
import { guarded } from '../packages/storage-error.ts'

const newline = 10
/** Where so little is left it is read as it is. */
const fewBytes = 16 * 1024

/** The row of a file of sorted lines of JSON for which `order` answers 0: below 0 for those before it. */
export async function findRow<T>(file: FileHandle, order: (row: T) => number): Promise<T | undefined> {
  let from = 0
  let { size: to } = await guarded('reading a comparison', () => file.stat())
  // Lines begin at `from`, and one ends before `to`; the row is between them, if it is there.
  while (to - from > fewBytes) {
    const line = await lineBehind(file, Math.floor((from + to) / 2), to)
    if (line === undefined) break
    const row = JSON.parse(line.text) as T
    const before = order(row)
    if (before === 0) return row
    if (before < 0) from = line.end
    else to = line.begin
  }
  const lines = (await read(file, from, to - from)).toString('utf8').split('\n')
  for (const line of lines) {
    if (line === '') continue
    const row = JSON.parse(line) as T
    const before = order(row)
    if (before >= 0) return before === 0 ? row : undefined
  }
  return undefined
}

/** The first line that begins behind the place and before `to`. */
async function lineBehind(
  file: FileHandle,
  place: number,
  to: number,
): Promise<{ readonly text: string; readonly begin: number; readonly end: number } | undefined> {
  for (let length = fewBytes; ; length *= 4) {
    const bytes = await read(file, place, Math.min(length, to - place))
    const first = bytes.indexOf(newline)
    const second = first === -1 ? -1 : bytes.indexOf(newline, first + 1)
    if (second !== -1)
      return { text: bytes.toString('utf8', first + 1, second), begin: place + first + 1, end: place + second + 1 }
    if (length >= to - place) return undefined
  }
}

async function read(file: FileHandle, place: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length)
  let filled = 0
  while (filled < length) {
    const { bytesRead } = await guarded('reading a comparison', () =>
      file.read(bytes, filled, length - filled, place + filled),
    )
    if (bytesRead === 0) break
    filled += bytesRead
  }
  return bytes.subarray(0, filled)
}
