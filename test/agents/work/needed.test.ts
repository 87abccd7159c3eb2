/** What targets lack of a tree in parts, found among lines, against the same found entry by entry. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Known } from '../../../src/agents/comparisons/known.ts'
import { NeededSearch } from '../../../src/agents/work/needed.ts'
import { entryLine } from '../../../src/packages/manifest-lines.ts'
import { ManifestText } from '../../../src/packages/manifest-text.ts'
import type { PackageId } from '../../../src/packages/manifest.ts'
import { lineOf } from '../../../src/resources/listing.ts'
import { comparePaths, parsePath } from '../../../src/resources/path.ts'
import type { ResourceState } from '../../../src/resources/resource.ts'
import { headerOf, temporaryFolder } from '../../packages/trees.ts'

const folder = await temporaryFolder()
let made = 0

type Tree = Readonly<Record<string, string | null>>

function statesOf(tree: Tree): ResourceState[] {
  const states = Object.entries(tree).map(([name, text]) =>
    text === null
      ? { path: parsePath(`/${name}`) }
      : { path: parsePath(`/${name}`), digest: hash('sha256', text), size: text.length },
  )
  return states.toSorted((a, b) => comparePaths(a.path, b.path))
}

function textOf(states: readonly ResourceState[]): ManifestText {
  const text = new ManifestText(headerOf('/'), join(folder, `${made++}`))
  for (const state of states) {
    const line = Buffer.from(lineOf(state))
    text.add(line, 0, line.length - 1)
  }
  assert.match(text.id, /^sha256-/)
  return text
}

function known(states: readonly ResourceState[], each: number, packages: ReadonlySet<PackageId> = new Set()): Known {
  const lines = states.map(({ path, digest, size }) =>
    digest === undefined || size === undefined
      ? entryLine({ type: 'folder', path })
      : entryLine({ type: 'file', path, digest, size }),
  )
  return {
    ...{ name: `${made++}`, packages, entries: states.length },
    async *lines() {
      for (let at = 0; at < lines.length; at += each)
        yield {
          bytes: Buffer.from(
            lines
              .slice(at, at + each)
              .map((line) => `${line}\n`)
              .join(''),
          ),
        }
    },
  }
}

const trees = fc.dictionary(
  fc.stringMatching(/^[a-dü"]{1,3}$/),
  fc.constantFrom<string | null>('one', 'three', 'other', null),
  { maxKeys: 40 },
)

test('what one or another target lacks is the same line by line and entry by entry', async () => {
  await fc.assert(
    fc.asyncProperty(
      trees,
      fc.array(trees, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 41 }),
      async (tree, others, each) => {
        const states = statesOf(tree)
        const held = others.map((other) =>
          statesOf({ ...other, ...Object.fromEntries(Object.entries(tree).slice(each)) }),
        )
        const search = new NeededSearch(held.map((one) => known(one, each)))
        const isHeld = ({ path, digest, size }: ResourceState): boolean =>
          held.every((one) => one.some((it) => it.path === path && it.digest === digest && it.size === size))
        for (let at = 0; at < states.length; at += each) {
          const some = states.slice(at, at + each)
          const text = textOf(some)
          const needed = await search.in({ text, id: text.id })
          const expected = some.map((state) => state.digest !== undefined && !isHeld(state))
          const lacking = some.filter((_, i) => expected[i])
          assert.deepEqual(
            { files: needed.files, bytes: needed.bytes, has: some.map((_, i) => needed.has(i)) },
            { files: lacking.length, bytes: lacking.reduce((sum, { size = 0 }) => sum + size, 0), has: expected },
          )
          text.close()
        }
        await search.close()
      },
    ),
  )
})

test('of what every target has as a package nothing is looked at', async () => {
  const states = statesOf({ a: 'one', b: null })
  const text = textOf(states)
  const all = known(states, 1, new Set([text.id]))
  const search = new NeededSearch([
    {
      ...all,
      // oxlint-disable-next-line require-yield -- nobody asks for the first
      async *lines() {
        assert.fail('it was looked at')
      },
    },
  ])
  const { files, bytes } = await search.in({ text, id: text.id })
  assert.deepEqual([files, bytes], [0, 0])
  await search.close()
  text.close()
})
