import { closeSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'

/** Throws unless both folders hold the same folders and files with the same bytes; answers the count of files. */
export function verifyEqual(original: string, copy: string): number {
  const names = readdirSync(original).toSorted()
  const found = readdirSync(copy).toSorted()
  if (names.join('/') !== found.join('/')) throw new Error(`${copy} does not hold what ${original} holds`)
  let files = 0
  for (const name of names) {
    const [one, other] = [join(original, name), join(copy, name)]
    const [kind, otherKind] = [lstatSync(one), lstatSync(other)]
    if (kind.isDirectory() && otherKind.isDirectory()) files += verifyEqual(one, other)
    else if (kind.isFile() && otherKind.isFile() && kind.size === otherKind.size && hasBytesOf(one, other)) files++
    else throw new Error(`${other} differs from ${one}`)
  }
  return files
}

const pieceBytes = 2 ** 20
const pieces = [Buffer.alloc(pieceBytes), Buffer.alloc(pieceBytes)] as const

/** In pieces: a file may be larger than any buffer. */
function hasBytesOf(one: string, other: string): boolean {
  const files = [openSync(one, 'r'), openSync(other, 'r')] as const
  try {
    for (;;) {
      const [read, otherRead] = [fill(files[0], pieces[0]), fill(files[1], pieces[1])]
      if (read !== otherRead || pieces[0].compare(pieces[1], 0, read, 0, read) !== 0) return false
      if (read < pieceBytes) return true
    }
  } finally {
    for (const file of files) closeSync(file)
  }
}

/** As much as there still is, up to the whole piece. */
function fill(file: number, piece: Buffer): number {
  let bytes = 0
  for (let read = -1; read !== 0 && bytes < piece.length; bytes += read)
    read = readSync(file, piece, bytes, piece.length - bytes, null)
  return bytes
}
