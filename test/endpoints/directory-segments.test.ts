/** Of which files the digests are remembered, and what is written of that, where they are more than one segment holds. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { lstatSync, readFileSync, rmSync, utimesSync, writeFileSync, type Stats } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { Remembered } from '../../src/endpoints/directory/remembered.ts'
import { BlockWriter } from '../../src/resources/listing.ts'
import { comparePaths, isWithin, parsePath, rootPath, type ResourcePath } from '../../src/resources/path.ts'
import { onlyFolder, segmentsOf } from './remembered-digests.ts'
import { makeFolder } from './trees.ts'

const settleMs = 2500

/** Paths in order, each with what stands for its content. */
type Tree = ReadonlyMap<ResourcePath, string>

class Memory {
  readonly cache: string
  readonly #root: string
  readonly #stats: Stats

  private constructor(root: string, stats: Stats) {
    this.#root = root
    this.#stats = stats
    this.cache = join(root, 'cache')
  }

  static async make(t: TestContext): Promise<Memory> {
    const folder = await makeFolder(t)
    const file = join(folder, 'file')
    writeFileSync(file, 'content')
    return new Memory(folder, lstatSync(file))
  }

  /** What lies at `start` and below is listed. Answers what had to be read. */
  list(tree: Tree, start = rootPath): ResourcePath[] {
    return this.#walk(
      tree,
      start,
      [...tree.keys()].filter((path) => isWithin(path, start)),
      false,
    )
  }

  /** Only these are asked about. */
  ask(tree: Tree, paths: readonly ResourcePath[]): ResourcePath[] {
    return this.#walk(tree, rootPath, paths, true)
  }

  /** Which of these are not remembered. */
  unknown(tree: Tree, paths: readonly ResourcePath[]): ResourcePath[] {
    const remembered = this.open(rootPath, true)
    const lines = new BlockWriter()
    return paths.filter((path) => this.look(remembered, path, tree.get(path) ?? '', lines) === undefined)
  }

  open(start = rootPath, passing = false): Remembered {
    const { dev } = this.#stats
    return new Remembered({
      ...{ folder: this.cache, root: this.#root, dev, start, verify: false },
      ...(passing && { passing }),
    })
  }

  /** Undefined when the file has changed since, or was never read. */
  look(remembered: Remembered, path: ResourcePath, content: string, lines: BlockWriter): boolean | undefined {
    lines.take()
    lines.begin(path)
    const isThere = remembered.has(path, lines)
    const stats = this.#statsOf(content)
    lines.endResource(hash('sha256', content), stats.size)
    return isThere ? remembered.isLine(stats, lines) : undefined
  }

  put(remembered: Remembered, path: ResourcePath, content: string, lines: BlockWriter): void {
    remembered.put(path, this.#statsOf(content), this.#stats.ctimeMs + settleMs, lines)
  }

  #walk(tree: Tree, start: ResourcePath, paths: readonly ResourcePath[], passing: boolean): ResourcePath[] {
    const remembered = this.open(start, passing)
    const lines = new BlockWriter()
    const read: ResourcePath[] = []
    for (const path of paths) {
      const content = tree.get(path) ?? ''
      const known = this.look(remembered, path, content, lines)
      assert.notEqual(known, false, path)
      if (known === undefined) read.push(path)
      this.put(remembered, path, content, lines)
    }
    remembered.end()
    return read
  }

  /** Another content has another time. */
  #statsOf(content: string): Stats {
    return { ...this.#stats, isFile: () => true, mtimeMs: 1_600_000_000_000 + Number(content) }
  }
}

function treeOf(paths: readonly string[], content = '0'): Tree {
  return new Map(paths.map((path) => [parsePath(path), content] as const).toSorted(([a], [b]) => comparePaths(a, b)))
}

const many = Array.from({ length: 20_000 }, (_, i) => `/folder-${i % 100}/file-${i}`)
const namesOf = ({ cache }: Memory): string[] => segmentsOf(onlyFolder(cache)).map((file) => basename(file))
const lost = (before: readonly string[], now: readonly string[]): number =>
  before.filter((name) => !now.includes(name)).length

/** Whole numbers below a limit, the same ones each time (xorshift). */
function randomOf(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

describe('what is remembered of many files', () => {
  test('is written where it changes, and nowhere else', async (t) => {
    const memory = await Memory.make(t)
    const tree = new Map(treeOf(many))
    assert.equal(memory.list(tree).length, tree.size)
    const before = namesOf(memory)
    assert.ok(before.length > 8, `${before.length} segments`)
    assert.deepEqual(memory.list(tree), [])
    assert.deepEqual(namesOf(memory), before)

    const changed = parsePath('/folder-50/file-50')
    tree.set(changed, '1')
    assert.deepEqual(memory.list(tree), [changed])
    const after = namesOf(memory)
    assert.deepEqual([after.length, lost(before, after)], [before.length, 1])

    const added = new Map([...tree, ...treeOf(['/folder-7/a'])].toSorted(([a], [b]) => comparePaths(a, b)))
    assert.deepEqual(memory.list(added), ['/folder-7/a'])
    assert.equal(lost(after, namesOf(memory)), 1)
  })

  test('of a part is written by those who read that part, not with the rest', async (t) => {
    const memory = await Memory.make(t)
    const tree = treeOf(many)
    memory.list(tree)
    const before = namesOf(memory)
    const other = treeOf(many, '1')
    const part = [...tree.keys()].filter((path) => isWithin(path, parsePath('/folder-3')))
    assert.deepEqual(memory.ask(other, part), part)
    assert.deepEqual(memory.ask(other, part), [])
    assert.ok(lost(before, namesOf(memory)) <= 2)
    assert.deepEqual(
      memory.list(new Map([...tree].map(([path, content]) => [path, part.includes(path) ? '1' : content]))),
      [],
    )
  })

  test('is not written for the few that are sooner read again', async (t) => {
    const memory = await Memory.make(t)
    const tree = treeOf(many)
    memory.list(tree)
    const before = namesOf(memory)
    const few = [...tree.keys()].slice(9000, 9010)
    assert.deepEqual(memory.ask(treeOf(many, '1'), few), few)
    assert.deepEqual(namesOf(memory), before)
    assert.deepEqual(memory.ask(tree, few), [])
  })

  test('is nothing new when a walk is left before its end', async (t) => {
    const memory = await Memory.make(t)
    const tree = treeOf(many)
    memory.list(tree)
    const other = treeOf(many, '1')
    const left = memory.open()
    const lines = new BlockWriter()
    for (const path of other.keys()) {
      memory.look(left, path, '1', lines)
      memory.put(left, path, '1', lines)
    }
    assert.deepEqual(memory.list(tree), [])
  })

  test('is lost with a segment for its files alone', async (t) => {
    const memory = await Memory.make(t)
    const tree = treeOf(many)
    memory.list(tree)
    const [, second = ''] = segmentsOf(onlyFolder(memory.cache))
    const gone = [...readFileSync(second, 'latin1').matchAll(/\["([^"]+)"/g)].map(([, path]) => path)
    rmSync(second)
    assert.deepEqual(memory.list(tree), gone)
    assert.deepEqual(memory.list(tree), [])
  })

  test('is there for whoever has begun to read it when another replaces it', async (t) => {
    const memory = await Memory.make(t)
    const tree = treeOf(many)
    memory.list(tree)
    const anHourAgo = new Date(Date.now() - 3_600_000)
    for (const file of segmentsOf(onlyFolder(memory.cache))) utimesSync(file, anHourAgo, anHourAgo)
    const slow = memory.open()
    const lines = new BlockWriter()
    for (const [i, [path, content]] of [...tree].entries()) {
      assert.equal(memory.look(slow, path, content, lines), true, path)
      memory.put(slow, path, content, lines)
      if (i === 100) memory.list(treeOf(many, '1'))
    }
    slow.end()
    assert.deepEqual(memory.list(treeOf(many, '1')), [])
  })

  test('shrinks with the folder', async (t) => {
    const memory = await Memory.make(t)
    memory.list(treeOf(many))
    const left = treeOf(many.filter((_, i) => i % 50 === 0))
    assert.deepEqual(memory.list(left), [])
    assert.ok(namesOf(memory).length <= 2, `${namesOf(memory).length} segments`)
    assert.deepEqual(memory.list(left), [])
    assert.deepEqual(memory.list(new Map()), [])
    assert.deepEqual(segmentsOf(onlyFolder(memory.cache)), [])
  })

  test('is what was found last, whatever has changed and whatever was listed or asked about', async (t) => {
    const random = randomOf(20_261_123)
    const memory = await Memory.make(t)
    /** What is to be remembered. */
    const expected = new Map<ResourcePath, string>()
    let tree: Map<ResourcePath, string> = new Map()
    for (let step = 1; step <= 25; step++) {
      const paths = [...tree.keys()].filter(() => random(20) > 0)
      for (let i = random(2000); i > 0; i--)
        paths.push(parsePath(`/folder-${random(12)}/${'x'.repeat(random(60))}${random(400)}`))
      const sorted = [...new Set(paths)].toSorted(comparePaths)
      const changing = random(4) === 0 ? 2 : 200
      tree = new Map(
        sorted.map((path) => [path, tree.has(path) && random(changing) > 0 ? (tree.get(path) ?? '') : String(step)]),
      )
      const start = random(2) === 0 ? rootPath : parsePath(`/folder-${random(12)}`)
      const within = sorted.filter((path) => isWithin(path, start))
      const isUnknown = (path: ResourcePath): boolean => expected.get(path) !== tree.get(path)
      if (random(3) === 0) {
        const [share, from] = [1 + random(5), random(sorted.length)]
        const asked = sorted.slice(from).filter(() => random(share) === 0)
        assert.deepEqual(memory.ask(tree, asked), asked.filter(isUnknown), `asked in step ${step}`)
        // What is worth to be remembered is decided for each segment.
        const unknown = new Set(memory.unknown(tree, asked))
        for (const path of asked) if (!unknown.has(path)) expected.set(path, tree.get(path) ?? '')
      } else {
        assert.deepEqual(memory.list(tree, start), within.filter(isUnknown), `listed in step ${step}`)
        for (const path of expected.keys()) if (isWithin(path, start)) expected.delete(path)
        for (const path of within) expected.set(path, tree.get(path) ?? '')
      }
    }
    assert.ok(namesOf(memory).length > 3)
  })
})
