/**
 * The trees that are copied: the same bytes for the same size, on every machine. Each lies in `<folder>/content`, as a
 * source folder of ours has it.
 */
import { createCipheriv, createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

export interface Tree {
  readonly name: string
  readonly files: number
  /** About what the tree takes on a disk with blocks of 4 KiB. */
  readonly diskBytes: number
  /** Writes the tree below `folder`, which must not hold one; answers its bytes. */
  write(folder: string): number
}

const blockBytes = 4096
const filesPerFolder = 100
const foldersPerFolder = 10
const words =
  'agent page title text image teaser list path locale product news article summary author region price stock order header footer'.split(
    ' ',
  )

/** JSON documents of 512 to 4096 bytes, 100 in a folder, ten folders in a folder. */
export function documents(files: number): Tree {
  return {
    name: `${files.toLocaleString('en')} JSON files of 0.5 to 4 KB`,
    files,
    diskBytes: files * blockBytes,
    write: (folder) => {
      const random = generator(files)
      let bytes = 0
      for (let file = 0; file < files; file++) {
        const place = join(folder, 'content', ...foldersOf(file, files))
        if (file % filesPerFolder === 0) mkdirSync(place, { recursive: true })
        const text = json(file, 512 + (random() % 3585), random)
        writeFileSync(join(place, `page-${file % filesPerFolder}.json`), text)
        bytes += text.length
      }
      return bytes
    },
  }
}

/** Files of one size that no compression makes smaller, eight in a folder. */
export function blobs(files: number, totalBytes: number): Tree {
  return {
    name: `${sizeOf(totalBytes)} in ${files} incompressible ${files === 1 ? 'file' : 'files'}`,
    files,
    diskBytes: totalBytes,
    write: (folder) => {
      const bytes = Math.ceil(totalBytes / files)
      for (let file = 0; file < files; file++) {
        const place = join(folder, 'content', `media-${Math.floor(file / 8)}`)
        if (file % 8 === 0) mkdirSync(place, { recursive: true })
        const key = createHash('sha256').update(`${totalBytes} ${file}`).digest()
        writeNoise(join(place, `film-${file}.bin`), bytes, key)
      }
      return bytes * files
    },
  }
}

const pieceBytes = 2 ** 24

/** What AES makes of zeros is as good as random, is the same each time, and comes at the speed of memory. */
function writeNoise(path: string, bytes: number, key: Buffer): void {
  const noise = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  const zeros = Buffer.alloc(Math.min(bytes, pieceBytes))
  const file = openSync(path, 'w')
  try {
    for (let at = 0; at < bytes; at += pieceBytes) writeSync(file, noise.update(zeros.subarray(0, bytes - at)))
  } finally {
    closeSync(file)
  }
}

const crumbsPerFolder = 1000

/** Files of a few bytes, 1000 in a folder: for what depends on the count alone. */
export function crumbs(files: number): Tree {
  return {
    name: `${files.toLocaleString('en')} files of a few bytes`,
    files,
    diskBytes: files * blockBytes,
    write: (folder) => {
      let bytes = 0
      for (let file = 0; file < files; file++) {
        const place = join(folder, 'content', `part-${Math.floor(file / crumbsPerFolder)}`)
        if (file % crumbsPerFolder === 0) mkdirSync(place, { recursive: true })
        const text = String(file)
        writeFileSync(join(place, `page-${file % crumbsPerFolder}.txt`), text)
        bytes += text.length
      }
      return bytes
    },
  }
}

function sizeOf(bytes: number): string {
  return bytes < 2 ** 30 ? `${bytes / 2 ** 20} MiB` : `${bytes / 2 ** 30} GiB`
}

/** The digits of the folder's number, one folder deeper for each. */
function foldersOf(file: number, files: number): string[] {
  const depth = Math.max(1, Math.ceil(Math.log(files / filesPerFolder) / Math.log(foldersPerFolder)))
  const digits = String(Math.floor(file / filesPerFolder)).padStart(depth, '0')
  return Array.from(digits, (digit) => `part-${digit}`)
}

/** ASCII, of exactly `bytes` characters; deflates to about a third, as JSON does. */
function json(file: number, bytes: number, random: () => number): string {
  const head = `{"id":${file},"modified":"2024-03-${10 + (random() % 20)}T08:00:00Z","views":${random()},"body":"`
  const end = '"}\n'
  let body = ''
  while (head.length + body.length + end.length < bytes) {
    const number = random()
    body += number % 8 === 0 ? `${number.toString(36)} ` : `${words[number % words.length]} `
  }
  return head + body.slice(0, bytes - head.length - end.length) + end
}

/** Xorshift: whole numbers from 0 to 2^32 - 1, always the same ones for a seed (not 0). */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
}
