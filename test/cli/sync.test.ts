import assert from 'node:assert/strict'
import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { documents, SyncRun } from './sync-run.ts'

const three = documents({ 'foo/1': { size: 1 }, 'foo/2': { size: 2 }, 'bar/1': {} })

test('a file becomes a directory, and that a pipe, and that a file again, and nothing is lost', async (t) => {
  const run = new SyncRun(t)
  const hard = { big: 'PLACE', date: '2020-01-01', no: 'no', text: 'hé ☃\n' }
  run.write(
    'a.yaml',
    documents({ 'foo/1': hard, 'foo/a b': {}, 'bar/1': { id: '../../evil' } }).replace(
      '"PLACE"',
      '12345678901234567890.10',
    ),
  )
  assert.match(
    await run.says(0, 'a.yaml', 'd'),
    /^Reading resources from: YAMLFileEndpoint\('a.yaml'\)\nWriting resources to: DirectoryEndpoint\('d'\)\ntrebuchet: 3 created\n$/,
  )
  assert.deepEqual(Object.keys(run.tree('d')), ['bar/%2E.%2F..%2Fevil.yaml', 'foo/1.yaml', 'foo/a b.yaml'])
  const lines = await run.prints(0, 'd', '-', '--json')
  assert.equal(lines.trim().split('\n').length, 3)
  assert.match(lines, /"big": 12345678901234567890\.10/)
  const piped = await run.run(['-', 'b.yaml'], { input: lines })
  assert.equal(piped.code, 0, piped.stderr)
  assert.equal(await run.prints(0, 'd', '-'), run.read('b.yaml'))
  assert.equal(await run.prints(0, 'a.yaml', '-'), run.read('b.yaml'))
  for (const file of ['c.json', 'c.ndjson']) {
    await run.says(0, 'd', file)
    assert.equal(await run.prints(0, file, '-'), run.read('b.yaml'), file)
  }
})

test('what is unchanged is not written, and what no origin has stays', async (t) => {
  const run = new SyncRun(t)
  run.write('a.yaml', three)
  await run.says(0, 'a.yaml', 'd')
  const before = statSync(join(run.folder, 'd/foo/1.yaml'), { bigint: true })
  run.write('d/baz/9.yaml', 'id: "9"\n_links: {self: {href: /api/baz/9}}\n')
  run.write('d/README.md', '# Notes')
  run.write('a.yaml', documents({ 'foo/1': { size: 1 }, 'foo/2': { size: 3 } }))
  assert.match(await run.says(0, 'a.yaml', 'd'), /1 updated, 1 unchanged\n$/)
  const after = statSync(join(run.folder, 'd/foo/1.yaml'), { bigint: true })
  assert.deepEqual([after.ino, after.mtimeNs], [before.ino, before.mtimeNs])
  assert.deepEqual(Object.keys(run.tree('d')), ['README.md', 'bar/1.yaml', 'baz/9.yaml', 'foo/1.yaml', 'foo/2.yaml'])
})

test('several origins come together when they say the same, and are conflicts when they do not', async (t) => {
  const run = new SyncRun(t)
  run.write('a.yaml', documents({ 'foo/1': { x: 1, y: 2 }, 'foo/2': {} }))
  run.write('b.json', JSON.stringify([{ _links: { self: { href: '/api/foo/1' } }, y: 2, x: 1, id: '1' }]))
  run.write('d/foo/3.yaml', documents({ 'foo/3': {} }))
  await run.says(0, 'a.yaml', 'b.json', 'd', 'all.yaml')
  assert.equal(run.read('all.yaml').split('---').length - 1, 3)
  run.write('c.yaml', documents({ 'foo/1': { x: 9 }, 'foo/2': { x: 9 } }))
  const text = await run.says(3, 'a.yaml', 'c.yaml', 'none.yaml')
  assert.match(
    text,
    /2 conflicts, and nothing was written: foo\/1 is different in YAMLFileEndpoint\('a\.yaml'\) and .*c\.yaml/,
  )
  run.write('twice.yaml', documents({ 'foo/1': { x: 1 } }) + documents({ 'foo/1': { x: 2 } }))
  assert.match(await run.says(3, 'twice.yaml', 'none.yaml'), /"foo\/1" comes twice/)
  assert.ok(!('none.yaml' in run.tree()))
})

test('an origin that cannot be read to its end changes nothing', async (t) => {
  const run = new SyncRun(t)
  run.write('good.yaml', three)
  run.write('bad.yaml', `${documents({ 'foo/1': { size: 9 } })}---\n{`)
  await run.says(0, 'good.yaml', 'd')
  const before = run.tree('d')
  const text = await run.says(1, 'good.yaml', 'bad.yaml', 'd', '--delete')
  assert.match(text, /YAMLFileEndpoint\('bad\.yaml'\): .*; nothing was written\n$/)
  await run.says(1, 'bad.yaml', 'd', '--rm')
  await run.says(1, 'bad.yaml', 'good.yaml', '--rm')
  assert.deepEqual(run.tree('d'), before)
  assert.equal(run.read('good.yaml'), three)
})

test('origin and destination must be apart, however they are written', async (t) => {
  const run = new SyncRun(t)
  run.write('d/foo/1.yaml', documents({ 'foo/1': {} }))
  run.write('a.yaml', three)
  symlinkSync('d', join(run.folder, 'link'))
  const before = run.tree()
  for (const destination of ['d', './d', 'link', join(run.folder, 'x/../d')])
    assert.match(await run.says(2, 'd', destination, '--rm'), /origin and destination may not be the same/, destination)
  assert.match(await run.says(2, 'd', 'd/sub', '--rm'), /d\/sub lies within d/)
  assert.match(await run.says(2, 'd/foo', 'd', '--rm'), /d holds d\/foo/)
  assert.match(await run.says(2, 'a.yaml', './a.yaml', '--rm'), /may not be the same/)
  assert.match(await run.says(2, 'd', 'd/all.yaml'), /lies within/)
  assert.deepEqual(run.tree(), before)
})

test('arguments are what resource-sync takes them for, and what they cannot be is said', async (t) => {
  const run = new SyncRun(t)
  run.write('srv.py', 'print()')
  run.write('a.yaml', three)
  mkdirSync(join(run.folder, 'dir.json'))
  await run.says(0, 'a.yaml', 'dir.json')
  assert.ok('foo/1.yaml' in run.tree('dir.json'))
  for (const [says, code, ...args] of [
    ["Missing argument 'DESTINATION'.", 2],
    ['Not such directory: srv.py', 2, 'srv.py', 'd'],
    ['Not a directory: srv.py', 2, 'a.yaml', 'srv.py'],
    ['Not such directory: nowhere', 1, 'nowhere', 'd'],
    ['No such file: nowhere.yaml', 1, 'nowhere.yaml', 'd'],
    ['Unsupported endpoint format: no/where', 2, 'a.yaml', 'no/where'],
    ['Unsupported endpoint format: ftp://x/y', 2, 'a.yaml', 'ftp://x/y'],
    ['Cannot use JSON format YAMLFileEndpoint', 2, 'a.yaml', 'b.yaml', '-j'],
    ['Must be a positive integer', 2, 'a.yaml', 'd', '-b', '0'],
    ["File already exists: a.yaml; perhaps you mean to use '--rm'?", 1, 'dir.json', 'a.yaml'],
    ['not the token itself', 2, 'a.yaml', 'd', '--token-env', 'abc.def-secret'],
    ['must be TYPE or TYPE/ID', 2, 'a.yaml', 'd', '--include', 'a/b/c'],
    ['--max-delete goes with --delete', 2, 'a.yaml', 'd', '--max-delete', '3'],
    ['only once', 2, '-', '-', 'd'],
    ['--delete needs an origin', 2, 'd', '--delete'],
    ['--atomic is not possible with http://127.0.0.1:9/', 2, 'a.yaml', 'http://127.0.0.1:9/', '--atomic'],
    ['must not hold a password', 2, 'a.yaml', 'http://me:secret@127.0.0.1:9/'],
  ] as const) {
    const text = await run.says(code, ...args)
    assert.ok(text.includes(says), `${args.join(' ')}: ${text}`)
  }
  assert.equal(run.read('a.yaml'), three)
})

test('without origins an empty destination is made, and null reads everything and keeps nothing', async (t) => {
  const run = new SyncRun(t)
  await run.says(0, 'empty.yaml')
  assert.equal(run.read('empty.yaml'), '')
  await run.says(0, 'empty.json')
  await run.says(0, 'empty.json', 'empty.yaml', 'null')
  run.write('bad.yaml', 'a: {')
  await run.says(0, 'empty.yaml', 'null')
  await run.says(1, 'bad.yaml', 'null')
  assert.equal(await run.prints(0, 'null', '-'), '')
  const piped = await run.run(['-', '-'], { input: three })
  assert.equal(piped.stdout.split('---').length - 1, 3)
})

test('globs choose types and ids, and what they leave out is not deleted', async (t) => {
  const run = new SyncRun(t)
  run.write('a.yaml', three)
  await run.says(0, 'a.yaml', 'only.yaml', '--include', 'foo', '--exclude', 'foo/2')
  assert.match(run.read('only.yaml'), /^---\n_links:\n {2}self:\n {4}href: \/api\/foo\/1\nid: '1'\nsize: 1\n$/)
  await run.says(0, 'a.yaml', 'd')
  run.write('b.yaml', documents({ 'foo/9': {} }))
  await run.says(0, 'b.yaml', 'd', '--include', 'foo/*', '--delete', '--max-delete', '100%')
  assert.deepEqual(Object.keys(run.tree('d')), ['bar/1.yaml', 'foo/9.yaml'])
})

test('the last of several options that say the same thing differently is meant', async (t) => {
  const run = new SyncRun(t)
  run.write('a.yaml', three)
  await run.says(0, 'a.yaml', 'd', '--json', '-y', '-j')
  assert.deepEqual(Object.keys(run.tree('d')), ['bar/1.json', 'foo/1.json', 'foo/2.json'])
  run.write('plain.yaml', 'id: 1\ntype: foo\n')
  await run.says(1, 'plain.yaml', 'null', '--simple', '--hal')
  await run.says(0, 'plain.yaml', 'null', '--hal', '-s')
})
