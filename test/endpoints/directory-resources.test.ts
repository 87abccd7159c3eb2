import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import type { EndpointKind, Seen, Source, Target } from '../../src/endpoints/endpoint.ts'
import { directory, type DirectoryOptions } from '../../src/endpoints/directory.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import type { Change } from '../../src/resources/resource.ts'
import { shown, treeOf } from './conformance/bench.ts'
import { docs } from './conformance/document-trees.ts'
import { holdsDocuments } from './conformance/documents.ts'
import { deletes, deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never, readAll } from './trees.ts'

for (const format of ['yaml', 'json'] as const)
  holdsDocuments({
    kind: { ...(directory as EndpointKind), name: `directory of resources in ${format}` },
    make: async (t) => ({
      options: { path: join(await makeFolder(t), 'not/yet'), view: 'resources', format, schema: 'simple' },
    }),
  })

const context = { installation: 'test' }
const view = { view: 'resources', schema: 'simple' } as const

function sourceAt(path: string, options: Partial<DirectoryOptions> = view): Source {
  return directory.source?.({ path, ...options }, context) ?? assert.fail()
}

function targetAt(path: string, options: Partial<DirectoryOptions> = view): Target {
  return directory.target?.({ path, ...options }, context) ?? assert.fail()
}

async function apply(
  t: TestContext,
  path: string,
  changes: readonly Change[],
  header: Partial<ManifestHeader> = {},
): Promise<void> {
  await targetAt(path).apply(deliveryOf(await pack(t, changes, header)), never)
}

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(root, dirname(name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
}

function filesIn(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !name.startsWith('.trebuchet') && statSync(join(root, name)).isFile())
    .toSorted()
}

function doc(name: string, says: string): string {
  const [type, id] = name.split('/')
  return `id: '${id}'\nsays: ${says}\ntype: ${type}\n`
}

test('documents are read wherever they lie, and what is none is passed over with a note', async (t) => {
  const root = await makeFolder(t)
  write(root, {
    '.git/config.yaml': '[',
    '.hidden.yaml': '[',
    'README.md': '# read me',
    'foo/1.yaml': 'says: 1\n',
    'foo/2.yml': '# a comment\nid: 2\nsays: 2\n',
    'foo/3.json': '{"says": 3}',
    'foo/page.json': '{"embedded": [{"id": "4", "type": "foo", "says": 4}]}',
    'foo/empty.yaml': '---\n',
    'foo/a%2Fb.yaml': 'says: 5\n',
    'foo/more.yaml': '---\nid: 6\n---\nid: 7\ntype: bar\n',
    'deep/er/foo/8.yaml': 'says: 8\n',
    'all.yaml': doc('foo/9', '9'),
    'foo/notes.txt': '',
  })
  symlinkSync('1.yaml', join(root, 'foo/link.yaml'))
  const notes: string[] = []
  const held = await readAll(sourceAt(root), undefined, { note: (note) => void notes.push(note) })
  const says = ['1', '2', '3', '4', '5', '6', '7', '8', '9']
  assert.deepEqual(
    held.flatMap(([path, content]) => (content === null ? [] : [path])),
    ['/bar/7', '/foo/1', '/foo/2', '/foo/3', '/foo/4', '/foo/6', '/foo/8', '/foo/9', '/foo/a%2Fb'],
  )
  assert.ok(held.every(([, content]) => content === null || says.some((one) => content.toString().includes(one))))
  assert.deepEqual(notes.map((note) => note.replace(/ is .*/, '')).toSorted(), [
    '"/README.md"',
    '"/foo/link.yaml"',
    '"/foo/notes.txt"',
  ])
})

test('what does not parse, has no name or is two is refused, and the file is named', async (t) => {
  for (const [name, content, code, message] of [
    ['foo/1.yaml', 'a: [\n', 'invalid', /^"\/foo\/1.yaml": document 1 on line 1: this is no YAML/],
    ['foo/1.json', '{"a": 1', 'invalid', /^"\/foo\/1.json": document 1 on line 1: this is no JSON/],
    ['all.yaml', 'id: 1\n', 'invalid', /^"\/all.yaml": .*has no type/],
    ['foo/all.yaml', 'id: 1\n---\nsays: 1\n', 'invalid', /^"\/foo\/all.yaml": document 2 on line 2: .*has no id/],
    ['foo/all.yaml', 'id: 0\nsays: 1\n', 'conflict', /"foo\/0" comes twice/],
  ] as const) {
    const root = await makeFolder(t)
    write(root, { 'foo/0.yaml': 'says: 0\n', [name]: content })
    await assert.rejects(readAll(sourceAt(root)), { code, message })
    if (code === 'conflict') continue
    await assert.rejects(apply(t, root, puts(docs({ 'foo/2': '2' }))), { code, message })
    assert.deepEqual(filesIn(root), ['foo/0.yaml', name].toSorted())
  }
})

test('what says the same is left as it is, whatever form it has', async (t) => {
  const root = await makeFolder(t)
  const files = {
    'foo/1.yaml': `# kept\n${doc('foo/1', '1')}`,
    'foo/2.yml': doc('foo/2', '2'),
    'foo/3.json': '{"type": "foo", "id": "3", "says": 3}',
    'all.yaml': `${doc('bar/1', '1')}---\n${doc('foo/4', '4')}`,
  }
  write(root, files)
  const before = Object.keys(files).map((name) => statSync(join(root, name)).ino)
  const same = docs({ 'bar/1': '1', 'foo/1': '1', 'foo/2': '2', 'foo/3': '3', 'foo/4': '4' })
  await apply(t, root, puts(same), { mode: 'mirror' })
  assert.deepEqual(filesIn(root), Object.keys(files).toSorted())
  assert.deepEqual(
    Object.keys(files).map((name) => statSync(join(root, name)).ino),
    before,
  )
})

test('what changes gets a file of its own, and the files that held it go, without losing what else was in them', async (t) => {
  const root = await makeFolder(t)
  write(root, {
    'README.md': 'kept',
    'foo/2.yml': doc('foo/2', '2'),
    'foo/3.json': '{"says": 3, "type": "foo", "id": "3"}',
    'foo/4.yaml': doc('foo/5', '5'),
    'foo/5.yaml': `${doc('foo/6', '6')}---\n${doc('foo/7', '7')}`,
    'old/all.yaml': `${doc('bar/1', '1')}---\n${doc('bar/2', '2')}---\n${doc('bar/3', '3')}`,
  })
  const changed = docs({ 'bar/1': '"new"', 'foo/2': '"new"', 'foo/3': '"new"', 'foo/4': '"new"' })
  await apply(
    t,
    root,
    [...puts(changed), deletes('/bar/2')].toSorted((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1)),
  )
  assert.deepEqual(
    shown(await readAll(sourceAt(root))),
    treeOf({ ...changed, ...docs({ 'bar/3': '3', 'foo/5': '5', 'foo/6': '6', 'foo/7': '7' }) }),
  )
  assert.deepEqual(filesIn(root), [
    'README.md',
    ...['bar/1.yaml', 'bar/3.yaml', 'foo/2.yaml', 'foo/3.yaml', 'foo/4.yaml', 'foo/5.yaml', 'foo/6.yaml', 'foo/7.yaml'],
  ])
  assert.ok(!existsSync(join(root, 'old')))
  assert.equal(readFileSync(join(root, 'foo/2.yaml'), 'utf8'), `---\n${doc('foo/2', 'new')}`)
})

function pathOf(change: Change): string {
  return change.kind === 'put' ? change.resource.path : change.path
}

const ids = ['1', '2', 'a!']
const name = fc.constantFrom(...['bar', 'foo'].flatMap((type) => ids.map((id) => `${type}/${id}`)))
const says = fc.constantFrom('1', '2')
const homes = fc.constantFrom('foo/1', 'foo/2', 'foo/a!', 'bar/1', 'bar/2', 'x', 'foo/all', 'foo/deep/all')

test('however documents lie in files, a delivery leaves what it asks for and all else that was there', async (t) => {
  const layout = fc.array(
    fc.record({
      file: homes,
      ending: fc.constantFrom('yaml', 'yml', 'json'),
      names: fc.uniqueArray(name, { maxLength: 3 }),
    }),
    { maxLength: 5 },
  )
  const changes = fc.uniqueArray(fc.tuple(name, fc.option(says)), { selector: ([one]) => one, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(layout, changes, fc.boolean(), async (files, wanted, isMirror) => {
      const root = await makeFolder(t)
      const expected = new Map<string, string>()
      for (const { file, ending, names } of files) {
        const content = names.map((one) => `---\n${doc(one, '1')}`)
        const json = `[${names.map((one) => docs({ [one]: '1' })[`/${one}`] ?? '').join(',')}]`
        if (!existsSync(join(root, `${file}.${ending}`))) {
          write(root, { [`${file}.${ending}`]: ending === 'json' ? json : content.join('') })
          for (const one of names) expected.set(one, '1')
        }
      }
      const tree = docs(Object.fromEntries(wanted.flatMap(([one, value]) => (value === null ? [] : [[one, value]]))))
      const removed = wanted.flatMap(([one, value]) => (value === null && !isMirror ? [one] : []))
      if (isMirror) expected.clear()
      for (const [one, value] of wanted) if (value !== null) expected.set(one, value)
      for (const one of removed) expected.delete(one)
      const all = [...puts(tree), ...removed.map((one) => deletes(`/${one}`))]
      const sorted = all.toSorted((a, b) =>
        pathOf(a).replaceAll('/', '\0') < pathOf(b).replaceAll('/', '\0') ? -1 : 1,
      )
      await apply(t, root, sorted, isMirror ? { mode: 'mirror', action: 'add' } : {})
      const held = await readAll(sourceAt(root))
      assert.deepEqual(shown(held), treeOf(docs(Object.fromEntries(expected))))
      const before = filesIn(root).map((file) => [file, statSync(join(root, file)).ino])
      if (!isMirror || wanted.every(([, value]) => value !== null)) await apply(t, root, sorted)
      assert.deepEqual(
        filesIn(root).map((file) => [file, statSync(join(root, file)).ino]),
        before,
      )
    }),
    { numRuns: 60 },
  )
})

test('the folder can be used as plain bytes, too', async (t) => {
  const root = await makeFolder(t)
  await apply(t, root, puts(docs({ 'foo/1': '1' })))
  const bytes = await readAll(sourceAt(root, {}))
  assert.deepEqual(shown(bytes), treeOf({ '/foo': null, '/foo/1.yaml': `---\n${doc('foo/1', '1')}` }))
  await targetAt(root, {}).apply(deliveryOf(await pack(t, puts({ '/foo/2.yaml': 'says: 2\n' }))), never)
  assert.equal((await readAll(sourceAt(root))).length, 4)
})

test('a file or a link in the place of a type is somebody else’s, and stays', async (t) => {
  const root = await makeFolder(t)
  write(root, { foo: 'a file', 'elsewhere/x': '' })
  symlinkSync('elsewhere', join(root, 'bar'))
  for (const one of ['foo/1', 'bar/1'])
    await assert.rejects(apply(t, root, puts(docs({ [one]: '1' }))), {
      code: 'rejected',
      message: /the folder of a type/,
    })
  assert.equal(readFileSync(join(root, 'foo'), 'utf8'), 'a file')
  assert.ok(lstatSync(join(root, 'bar')).isSymbolicLink())
  assert.deepEqual(readdirSync(join(root, 'elsewhere')), ['x'])
})

test(
  'whatever changes in a watched folder, all of its resources are to be looked at',
  { timeout: 30_000 },
  async (t) => {
    const root = await makeFolder(t)
    mkdirSync(join(root, '.git'))
    const watcher = directory.watch?.({ path: root, ...view }, context) ?? assert.fail()
    const abort = new AbortController()
    const seen = new Promise<Seen>((resolve, reject) => {
      const ready = (): void => {
        write(root, { '.git/index': '' })
        write(root, { 'foo/1.yaml': 'a: b\n' })
      }
      watcher.watch(resolve, ready, abort.signal).catch(reject)
    })
    const { path, whole } = await seen
    assert.deepEqual([path, whole], ['/', true])
    assert.deepEqual(await watcher.look([path], never), ['folder'])
    abort.abort()
  },
)
