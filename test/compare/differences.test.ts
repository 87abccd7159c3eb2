import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { differences, statesIn } from '../../src/compare/differences.ts'
import type { Difference } from '../../src/resources/byte-differences.ts'
import { openPackage } from '../../src/packages/read.ts'
import { comparePaths, parsePath } from '../../src/resources/path.ts'
import type { ResourceState } from '../../src/resources/resource.ts'
import { deletes, pack, puts } from '../endpoints/deliveries.ts'

/** Path by what is there: null is a folder. */
type Side = ReadonlyMap<string, string | null>

// eslint-disable-next-line typescript/require-await
async function* listed(side: Side): AsyncGenerator<ResourceState> {
  const paths = [...side.keys()].map(parsePath).toSorted(comparePaths)
  for (const path of paths) {
    const digest = side.get(path)
    yield typeof digest === 'string' ? { path, digest, size: 1 } : { path }
  }
}

async function all(source: AsyncIterable<ResourceState>, target: AsyncIterable<ResourceState>): Promise<Difference[]> {
  const found: Difference[] = []
  for await (const one of differences(source, target)) found.push(one)
  return found
}

const name = fc.constantFrom('a', 'b', 'ab', 'a b', 'a.b', 'é', '\u{1F600}', '\uFFFD')
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`)
const side = fc
  .uniqueArray(fc.tuple(path, fc.constantFrom('x', 'y', null)), { selector: ([one]) => one })
  .map((pairs) => new Map(pairs))

test('each path of either side comes once, in order, and is what looking it up on both sides says', async () => {
  await fc.assert(
    fc.asyncProperty(side, side, async (source, target) => {
      const found = await all(listed(source), listed(target))
      const paths = [...new Set([...source.keys(), ...target.keys()])].map(parsePath).toSorted(comparePaths)
      assert.deepEqual(
        found.map((one) => [one.path, one.state]),
        paths.map((one) => [
          one,
          !target.has(one)
            ? 'added'
            : !source.has(one)
              ? 'removed'
              : source.get(one) === target.get(one)
                ? 'same'
                : 'changed',
        ]),
      )
    }),
  )
})

test('a listing that breaks off fails, and what it has not come to is not taken for removed', async () => {
  async function* broken(): AsyncGenerator<ResourceState> {
    yield* listed(new Map([['/a', 'x']]))
    throw new Error('broken off')
  }
  const full = new Map([
    ['/a', 'x'],
    ['/b', 'x'],
    ['/c', 'x'],
  ])
  const found: Difference[] = []
  await assert.rejects(async () => {
    for await (const one of differences(broken(), listed(full))) found.push(one)
  }, /broken off/)
  assert.deepEqual(
    found.filter(({ state }) => state === 'removed'),
    [],
  )
  await assert.rejects(all(listed(full), broken()), /broken off/)
})

test('a listing that is out of order is refused', async () => {
  // eslint-disable-next-line typescript/require-await
  async function* disordered(): AsyncGenerator<ResourceState> {
    for (const one of ['/b', '/a']) yield { path: parsePath(one), digest: 'x', size: 1 }
  }
  await assert.rejects(all(disordered(), listed(new Map())), /the source lists "\/a" behind "\/b"/)
  await assert.rejects(all(listed(new Map()), disordered()), /the target lists/)
})

test('both listings are closed when whoever compares has seen enough', async () => {
  let open = 2
  async function* endless(): AsyncGenerator<ResourceState> {
    try {
      for (let i = 0; ; i++) yield { path: parsePath(`/${String(i).padStart(9, '0')}`), digest: 'x', size: 1 }
    } finally {
      open--
    }
  }
  for await (const { state } of differences(endless(), endless())) {
    assert.equal(state, 'same')
    break
  }
  assert.equal(open, 0)
})

test('a package lists what it puts, with digests, and not what it deletes', async (t) => {
  const pkg = await openPackage(
    await pack(t, [...puts({ '/a': null, '/a/b': 'text' }), deletes('/c')], { action: 'add' }),
  )
  t.after(() => pkg.close())
  const found: ResourceState[] = []
  for await (const state of statesIn(pkg)) found.push(state)
  assert.deepEqual(
    found.map(({ path: at, size }) => [at, size]),
    [
      ['/a', undefined],
      ['/a/b', 4],
    ],
  )
  assert.match(found[1]?.digest ?? '', /^[0-9a-f]{64}$/)
})
