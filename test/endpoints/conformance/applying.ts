import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import { parsePath } from '../../../src/resources/path.ts'
import { deletes, deliveryOf, pack, puts, type Tree } from '../deliveries.ts'
import { never } from '../trees.ts'
import { benchOf, treeOf, type Rig } from './bench.ts'

const awkward: Tree = {
  '/ ': 'a space',
  '/%2e%2e': 'an escape',
  '/...': 'dots',
  '/-rf': 'an option',
  '/[a]{b}(c)': 'brackets',
  '/\\': 'a backslash',
  '/a\nb': 'a line feed',
  '/a|b': 'a bar',
  '/a:b': 'a colon',
  '/_x_': 'as FileVault escapes',
  '/.content.xml': 'as FileVault keeps properties',
  '/file.dir': 'as FileVault keeps files with others below',
  '/e\u0301': 'decomposed',
  '/\u00e9': 'composed',
  '/\u{1F600}': 'beyond the first plane',
  '/\uffee': 'at the end of it',
  [`/${'n'.repeat(255)}`]: '255 bytes',
  [`/${'\u00e9'.repeat(127)}n`]: '255 bytes in 128 characters',
  '/CON': 'a device of another system',
  '/trailing. ': 'dot and space',
  '/"quoted"': 'quotes',
  '/\u0001': 'a control character',
}

export function applying(rig: Rig): void {
  suite(`${rig.kind.name}, applying`, () => {
    test('what was applied is there, byte for byte', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const tree = { '/a': null, '/a/text': 'text', '/a/none': '', '/a/bytes': randomBytes(5000), '/empty': null }
      await apply(puts(tree))
      assert.deepEqual(await held(), treeOf(tree))
    })

    test('any legal name is kept as it is', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const tree = Object.fromEntries(
        Object.entries(awkward).flatMap(([path, content]): [string, string | null][] => [
          [path, content as string],
          [`/folders${path}`, null],
          [`/folders${path}${path}`, content as string],
        ]),
      )
      await apply(puts({ ...tree, '/folders': null }))
      assert.deepEqual(await held(), treeOf({ ...tree, '/folders': null }))
    })

    test('folders that the package does not list are made for what it does', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b/c': 'c' }), { roots: [parsePath('/a/b')] })
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': null, '/a/b/c': 'c' }))
    })

    test('large content arrives whole', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const tree = { '/random': randomBytes(3 * 1024 * 1024), '/same': Buffer.alloc(3 * 1024 * 1024, 'same') }
      await apply(puts(tree))
      assert.deepEqual(await held(), treeOf(tree))
    })

    test('many small contents arrive all', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const tree = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`/${i % 7}/${i}`, `content ${i}`]))
      await apply(puts(tree))
      const folders = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`/${i}`, null]))
      assert.deepEqual(await held(), treeOf({ ...tree, ...folders }))
    })

    test('the receipt names what was applied', async (t) => {
      const { target } = await benchOf(rig, t)
      const pkg = await pack(t, puts({ '/a': null, '/a/b': '12345' }))
      const told: [number, number][] = []
      const progress = (entries: number, bytes: number): void => void told.push([entries, bytes])
      const receipt = await target.apply(deliveryOf(pkg, { id: 'command/agent/target', progress }), never)
      assert.equal(receipt.delivery, 'command/agent/target')
      assert.equal(receipt.package, pkg.id)
      assert.equal(receipt.entries, 2)
      assert.equal(receipt.bytes, 5)
      assert.ok(Math.abs(Date.parse(receipt.appliedAt) - Date.now()) < 60_000)
      for (const [entries, bytes] of told) assert.ok(entries <= 2 && bytes <= 5)
    })

    test('an update replaces what the package lists, and leaves the rest', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/changed': 'old and longer', '/a/kept': 'kept', '/b': 'kept' }))
      await apply(puts({ '/a/changed': 'new', '/a/new': 'new' }))
      assert.deepEqual(
        await held(),
        treeOf({ '/a': null, '/a/changed': 'new', '/a/kept': 'kept', '/a/new': 'new', '/b': 'kept' }),
      )
    })

    test('a file takes the place of a folder, and a folder that of a file', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a': null, '/a/b/c': 'c', '/d': 'd', '/e': 'e' }))
      await apply(puts({ '/a': 'file', '/d': null, '/e/f': 'f' }))
      assert.deepEqual(await held(), treeOf({ '/a': 'file', '/d': null, '/e': null, '/e/f': 'f' }))
      await apply(puts({ '/a/b': 'b', '/d': 'file' }))
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': 'b', '/d': 'file', '/e': null, '/e/f': 'f' }))
    })

    test('what is deleted is gone with all below it, and what is not there needs no deleting', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b/c': 'c', '/a/d': 'd', '/a!': 'kept', '/file': '' }))
      await apply([deletes('/a'), deletes('/file'), deletes('/none/at/all')])
      await apply([deletes('/a!/below')])
      assert.deepEqual(await held(), treeOf({ '/a!': 'kept' }))
    })

    test('deleted without what is below it, a folder that holds others stays', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/full/a': 'a', '/empty': null, '/file': '' }))
      await apply([deletes('/empty', false), deletes('/file', false), deletes('/full', false), deletes('/none', false)])
      assert.deepEqual(await held(), treeOf({ '/full': null, '/full/a': 'a' }))
    })

    test('when the root is deleted, nothing is left in it', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b': 'b', '/c': 'c' }))
      await apply([deletes('/', false)])
      assert.equal((await held()).length, 3)
      await apply([deletes('/')])
      assert.deepEqual(await held(), [])
      await apply(puts({ '/again': '' }))
      assert.deepEqual(await held(), treeOf({ '/again': '' }))
    })

    test('with paths, only what lies within them is applied', async (t) => {
      const { target, held } = await benchOf(rig, t)
      const tree = { '/a': null, '/a/b': 'b', '/a/c': 'c', '/ab': 'ab', '/d/e/f': 'f' }
      const paths = ['/a/b', '/d'].map(parsePath)
      const receipt = await target.apply(deliveryOf(await pack(t, puts(tree)), { paths }), never)
      assert.equal(receipt.entries, 2)
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': 'b', '/d': null, '/d/e': null, '/d/e/f': 'f' }))
    })

    test('with paths, deleting what holds them, or what is beside them, deletes nothing', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b/c': 'c', '/a/d': 'd', '/e': 'e' }))
      const found = await held()
      const paths = [parsePath('/a/b')]
      for (const changes of [[deletes('/')], [deletes('/a'), deletes('/e')], [deletes('/a/d')]])
        await target.apply(deliveryOf(await pack(t, changes), { paths }), never)
      assert.deepEqual(await held(), found)
      await target.apply(deliveryOf(await pack(t, [deletes('/a/b/c'), deletes('/e')]), { paths }), never)
      assert.deepEqual(
        (await held()).map(([path]) => path).filter((path) => path.includes('c') || path === '/e'),
        ['/e'],
      )
    })

    test('content that holds others is refused by a kind that can hold only one of the two', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a': 'old' }))
      await assert.rejects(apply(puts({ '/a': 'a', '/a/b': 'b', '/c': 'c' })), {
        name: 'ReplicationError',
        code: 'rejected',
      })
      assert.deepEqual(await held(), treeOf({ '/a': 'old' }))
    })
  })
}
