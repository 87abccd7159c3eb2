import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { BaseRow } from '../../src/compare/ancestor.ts'
import { compared, type BaseRows } from '../../src/compare/compare.ts'
import type { ComparedRow } from '../../src/compare/row.ts'
import { comparedRows, type SameRows } from '../../src/compare/compared-rows.ts'
import { RowFiles } from '../../src/compare/row-files.ts'
import { rulesFor } from '../../src/compare/rules.ts'
import { Seal, sealOf } from '../../src/compare/seal.ts'
import type { Side } from '../../src/compare/sides.ts'
import { BlockWriter, lineOf, statesOf, type Block } from '../../src/resources/listing.ts'
import { comparePaths, parsePath, rootPath } from '../../src/resources/path.ts'
import type { ResourceState } from '../../src/resources/resource.ts'

const never = new AbortController().signal
const rules = rulesFor({ compare: { ignore: [], sets: [] }, preserve: [] })

/** What blocks end behind: a listing of few lines has several, at other places than the other side's. */
type Given = { readonly states: readonly ResourceState[]; readonly blockLines: number }

function blocksOf({ states, blockLines }: Given): Block[] {
  const lines = new BlockWriter()
  const blocks: Block[] = []
  for (const [i, { path, digest, size }] of states.entries()) {
    lines.begin(path)
    if (digest === undefined) lines.endFolder()
    else lines.endResource(digest, size)
    if (i % blockLines === blockLines - 1) blocks.push(lines.take())
  }
  return [...blocks, lines.take()]
}

function sideOf(given: Given, withBlocks: boolean): Side {
  return {
    // eslint-disable-next-line typescript/require-await
    async *list() {
      yield* given.states
    },
    async *pick() {},
    ...(withBlocks && {
      // eslint-disable-next-line typescript/require-await
      async *listBlocks() {
        yield* blocksOf(given)
      },
    }),
  }
}

const name = fc.constantFrom('a', 'b', 'ab', 'a b', 'a"b', 'a\\', '\u0001', 'é', '\u{1F600}', '\uFFFD')
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`)
const state = fc.constantFrom<Omit<ResourceState, 'path'>>(
  {},
  { digest: 'd1', size: 1 },
  { digest: 'd1', size: 12 },
  { digest: 'd2', size: 1 },
  { digest: 'd2' },
)
const listing = fc
  .uniqueArray(fc.tuple(fc.oneof(path, fc.constant('/')), state), { selector: ([one]) => one, maxLength: 30 })
  .map((pairs) =>
    pairs
      .map(([at, what]): ResourceState => ({ path: parsePath(at), ...what }))
      .toSorted((one, other) => comparePaths(one.path, other.path)),
  )

/** Most of what one side has, the other has too. */
const sides = fc
  .tuple(listing, listing, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), fc.integer({ min: 1, max: 9 }))
  .map(([common, own, theirs, blockLines]) => {
    const merged = (mine: readonly ResourceState[]): ResourceState[] => {
      const byPath = new Map([...common, ...mine].map((one) => [one.path, one]))
      return [...byPath.values()].toSorted((one, other) => comparePaths(one.path, other.path))
    }
    const other = common.filter((_, i) => theirs[i])
    return {
      source: { states: merged([]), blockLines },
      target: { states: theirs[59] ? merged(own) : other, blockLines: theirs[58] ? blockLines : blockLines + 1 },
    }
  })

const bases = fc
  .tuple(listing, fc.constantFrom<readonly string[]>([], ['/'], ['/a']))
  .map(([rows, covers]) => ({ rows: covers.length === 0 ? [] : rows, covers }))

async function rowsOf(
  { source, target }: { source: Given; target: Given },
  base: BaseRows,
  withBlocks: boolean,
): Promise<{ rows: (ComparedRow | SameRows)[]; seals: string[]; counts: number[] }> {
  const seals = { source: new Seal(), target: new Seal() }
  const rows: (ComparedRow | SameRows)[] = []
  for await (const row of compared({
    ...{ source: sideOf(source, withBlocks), target: sideOf(target, withBlocks), base, rules, seals, signal: never },
    paths: [rootPath],
  }))
    rows.push(row)
  const both = [seals.source, seals.target]
  return { rows, seals: both.map((seal) => seal.digest()), counts: both.map((seal) => seal.count) }
}

test('what is compared as bytes gives the rows, seals and counts of what is compared one by one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'trebuchet-rows-'))
  try {
    const files = await RowFiles.open(folder)
    await fc.assert(
      fc.asyncProperty(sides, bases, async (given, { rows: known, covers }) => {
        const base = (): BaseRows => ({
          // eslint-disable-next-line typescript/require-await
          async *rows(): AsyncGenerator<BaseRow> {
            for (const one of known) yield one.digest === undefined ? { ...one, folder: true } : one
          },
          covers: (at) => covers.some((root) => root === '/' || at === root || at.startsWith(`${root}/`)),
          isEmpty: covers.length === 0,
          content: async () => undefined,
        })
        const plain = await rowsOf(given, base(), false)
        const quick = await rowsOf(given, base(), true)
        const writer = await files.begin()
        let count = 0
        for (const row of quick.rows) {
          if ('lines' in row) await writer.addLines(row.lines)
          else await writer.add(row)
          count += 'lines' in row ? row.count : 1
        }
        const id = await writer.end()
        await writer.close()
        const read: ComparedRow[] = []
        for await (const { row } of comparedRows(files, id)) read.push(row)
        assert.deepEqual(read, plain.rows)
        assert.equal(count, plain.rows.length)
        assert.deepEqual([quick.seals, quick.counts], [plain.seals, plain.counts])
        assert.equal(
          await sealOf(sideOf(given.source, true), { paths: [rootPath], rules, signal: never }),
          quick.seals[0],
        )
        const others: ComparedRow[] = []
        for await (const { row } of comparedRows(files, id, { withSame: () => false })) others.push(row)
        assert.deepEqual(
          others,
          quick.rows.filter((row) => !('lines' in row)),
        )
      }),
    )
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a line says all of a state, and equal states have equal lines', () => {
  fc.assert(
    fc.property(listing, (states) => {
      const [block] = blocksOf({ states, blockLines: 1000 })
      assert.deepEqual([...statesOf(block?.bytes ?? new Uint8Array())], states)
      assert.equal(Buffer.from(block?.bytes ?? []).toString(), states.map(lineOf).join(''))
      assert.equal(block?.resources, states.filter(({ digest }) => digest !== undefined).length)
    }),
  )
})

test('a listing that is written down out of order is refused, for then what is missing cannot be told', () => {
  const lines = new BlockWriter()
  lines.begin(parsePath('/b'))
  lines.endFolder()
  lines.take()
  for (const at of ['/b', '/a']) assert.throws(() => lines.begin(parsePath(at)), { code: 'rejected' })
})

test('a listing as bytes that breaks off fails', async () => {
  const broken: Side = {
    ...sideOf({ states: [], blockLines: 1 }, true),
    async *listBlocks() {
      yield* blocksOf({ states: [{ path: parsePath('/a'), digest: 'd', size: 1 }], blockLines: 1 })
      throw new Error('broken off')
    },
  }
  const whole = sideOf({ states: [], blockLines: 1 }, true)
  const base = { rows: async function* () {}, covers: () => false, isEmpty: true, content: async () => undefined }
  const seals = { source: new Seal(), target: new Seal() }
  const rows = compared({ source: broken, target: whole, base, rules, seals, paths: [rootPath], signal: never })
  await assert.rejects(async () => {
    for await (const _ of rows);
  }, /broken off/)
})
