import { createReadStream } from 'node:fs'
import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import { comparePaths, parentPath, quote, rootPath, type ResourcePath } from '../resources/path.ts'
import type { Resource } from '../resources/resource.ts'
import { printJson } from './json.ts'
import { nameAt, pathOf, type Document } from './names.ts'

/** A document at its place: one line of JSON, as everything compares it. */
interface Placed {
  readonly path: ResourcePath
  readonly json: string
}

interface OrderOptions {
  readonly signal: AbortSignal
  /** So many bytes of documents are held; what is beyond goes to temporary files. */
  readonly memoryBytes?: number
}

/**
 * Documents that come in any order, as resources in path order: the root, and for each type a folder with its documents.
 * One that comes twice and says the same is there once. Reads all before it yields the first. Throws `conflict` for a
 * document that comes twice and says different things, `invalid` for a name that cannot be a path; what reading the
 * documents throws comes out as it is.
 */
export async function* inOrder(
  documents: AsyncIterable<Document>,
  { signal, memoryBytes = 16 * 1024 * 1024 }: OrderOptions,
): AsyncGenerator<Resource, void, void> {
  const runs = new Runs()
  try {
    let held: Placed[] = []
    let bytes = 0
    for await (const document of documents) {
      signal.throwIfAborted()
      const one = { path: pathOf(document), json: flat(printJson(document.value)) }
      held.push(one)
      bytes += 2 * (one.path.length + one.json.length) + 100
      if (bytes < memoryBytes) continue
      await runs.add(sorted(held))
      held = []
      bytes = 0
    }
    yield* asResources(merged([...runs.all(), once(sorted(held))]), signal)
  } finally {
    await runs.remove()
  }
}

/** A text that was put together keeps its pieces, which take several times its room. This is ASCII. */
function flat(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

function sorted(placed: Placed[]): readonly Placed[] {
  return placed.toSorted((one, other) => comparePaths(one.path, other.path))
}

async function* asResources(placed: AsyncIterable<Placed>, signal: AbortSignal): AsyncGenerator<Resource, void, void> {
  yield { path: rootPath }
  let last: Placed | undefined
  let type: ResourcePath | undefined
  for await (const one of placed) {
    signal.throwIfAborted()
    if (last?.path === one.path) {
      if (last.json !== one.json) throw twice(one.path)
      continue
    }
    const folder = parentPath(one.path) ?? rootPath
    if (folder !== type) yield { path: folder }
    type = folder
    last = one
    yield { path: one.path, content: () => Buffer.from(`${one.json}\n`) }
  }
}

function twice(path: ResourcePath): ReplicationError {
  const { type = '', id = '' } = nameAt(path) ?? {}
  return new ReplicationError('conflict', `${quote(`${type}/${id}`)} comes twice, and says different things`)
}

/** Sorted runs on the disk, a file for each: a line with the path and one with the document. */
class Runs {
  #folder: string | undefined
  readonly #files: string[] = []

  async add(placed: readonly Placed[]): Promise<void> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'trebuchet-order-'))
    const file = join(this.#folder, String(this.#files.length))
    this.#files.push(file)
    const handle = await open(file, 'wx', 0o600)
    try {
      await write(handle, placed)
    } finally {
      await handle.close()
    }
  }

  all(): AsyncGenerator<readonly Placed[], void, void>[] {
    return this.#files.map(read)
  }

  async remove(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
  }
}

const writeLines = 2000

async function write(handle: FileHandle, placed: readonly Placed[]): Promise<void> {
  for (let at = 0; at < placed.length; at += writeLines) {
    const lines = placed.slice(at, at + writeLines).map(({ path, json }) => `${path}\n${json}\n`)
    await handle.appendFile(lines.join(''))
  }
}

/** Of each run a piece is in memory, and there may be many of them. */
const readBytes = 64 * 1024

/** A path has no line ends, for names of documents have no control characters when they are encoded. */
async function* read(file: string): AsyncGenerator<readonly Placed[], void, void> {
  let rest = ''
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: readBytes })) {
    const lines = (rest + (chunk as string)).split('\n')
    const whole = lines.length - 1 - ((lines.length - 1) % 2)
    rest = lines.slice(whole).join('\n')
    const batch: Placed[] = []
    for (let i = 0; i < whole; i += 2) batch.push({ path: lines[i] as ResourcePath, json: lines[i + 1] as string })
    yield batch
  }
}

async function* once<T>(value: T): AsyncGenerator<T, void, void> {
  yield value
}

/** What is before all others among the heads of sorted runs, again and again. */
async function* merged(runs: readonly AsyncGenerator<readonly Placed[], void, void>[]): AsyncGenerator<Placed> {
  try {
    const heads: Head[] = []
    for (const run of runs) {
      const head = new Head(run)
      if (await head.fill()) heads.push(head)
    }
    for (let i = (heads.length >> 1) - 1; i >= 0; i--) sink(heads, i)
    for (let head = heads[0]; head !== undefined; head = heads[0]) {
      yield head.take()
      if (head.isEmpty && !(await head.fill())) {
        const last = heads.pop() as Head
        if (last !== head) heads[0] = last
      }
      sink(heads, 0)
    }
  } finally {
    await Promise.all(runs.map((run) => run.return()))
  }
}

/** Into its place in a heap, below all that are before it. */
function sink(heads: Head[], from: number): void {
  for (let at = from, first = at; ; at = first) {
    for (const child of [2 * at + 1, 2 * at + 2])
      if (child < heads.length && comparePaths((heads[child] as Head).path, (heads[first] as Head).path) < 0)
        first = child
    if (first === at) return
    ;[heads[at], heads[first]] = [heads[first] as Head, heads[at] as Head]
  }
}

class Head {
  readonly #run: AsyncGenerator<readonly Placed[], void, void>
  #batch: readonly Placed[] = []
  #at = 0

  constructor(run: AsyncGenerator<readonly Placed[], void, void>) {
    this.#run = run
  }

  get isEmpty(): boolean {
    return this.#at === this.#batch.length
  }

  get path(): ResourcePath {
    return (this.#batch[this.#at] as Placed).path
  }

  take(): Placed {
    return this.#batch[this.#at++] as Placed
  }

  /** The next batch that is not empty; false when there is none. */
  async fill(): Promise<boolean> {
    while (this.isEmpty) {
      const next = await this.#run.next()
      if (next.done === true) return false
      this.#batch = next.value
      this.#at = 0
    }
    return true
  }
}
