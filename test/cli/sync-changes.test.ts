import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, statSync, symlinkSync, lstatSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../end-to-end/client.ts'
import { documents, SyncRun } from './sync-run.ts'

const before = documents({ 'foo/1': { a: 1, b: [1, 2] }, 'foo/2': {}, 'foo/3': {} })
const after = documents({ 'foo/1': { a: 2, b: [1, 2] }, 'foo/2': {}, 'foo/4': {} })

test('a plan says what would change, and changes nothing', async (t) => {
  const run = new SyncRun(t)
  run.write('old.yaml', before)
  run.write('new.yaml', after)
  await run.says(0, 'old.yaml', 'd')
  const tree = run.tree()
  for (const destination of ['d', 'old.yaml']) {
    assert.equal(
      await run.prints(0, 'new.yaml', destination, '--dry-run'),
      '~ foo/1\n+ foo/4\n1 added, 1 changed, 0 removed, 1 the same; 1 only at the destination stay there (--delete removes them)\n',
    )
    assert.equal(
      await run.prints(2, 'new.yaml', destination, '--diff', '--delete'),
      [
        '~ foo/1',
        '    @@ -2,5 +2,5 @@',
        '       self:',
        '         href: /api/foo/1',
        '    -a: 1',
        '    +a: 2',
        '     b:',
        '       - 1',
        '- foo/3',
        '+ foo/4',
        '1 added, 1 changed, 1 removed, 1 the same',
        '',
      ].join('\n'),
    )
    const plan = JSON.parse(await run.prints(2, 'new.yaml', destination, '--diff', '--output', 'json')) as {
      changes: { path: string; type: string; id: string; change: string; diff?: string }[]
      counts: Record<string, number>
    }
    assert.deepEqual(
      plan.changes.map(({ path, type, id, change }) => [path, type, id, change]),
      [
        ['/foo/1', 'foo', '1', 'changed'],
        ['/foo/4', 'foo', '4', 'added'],
      ],
    )
    assert.match(plan.changes[0]?.diff ?? '', /^-a: 1$/m)
    assert.deepEqual(plan.counts, { added: 1, changed: 1, removed: 0, same: 1, kept: 1 })
    const lines = (await run.prints(0, 'new.yaml', destination, '--dry-run', '--output', 'ndjson')).trim().split('\n')
    assert.equal(lines.length, 3)
    for (const line of lines) JSON.parse(line)
  }
  assert.equal(await run.prints(0, 'old.yaml', 'd', '--diff'), '0 added, 0 changed, 0 removed, 3 the same\n')
  assert.equal(
    await run.prints(0, 'old.yaml', 'd', '--diff', '--output', 'json'),
    `{"changes":[],"destination":"d","counts":{"added":0,"changed":0,"removed":0,"same":3,"kept":0}}\n`,
  )
  assert.match(await run.prints(2, 'new.yaml', 'none', '--diff'), /^\+ foo\/1\n\+ foo\/2\n\+ foo\/4\n3 added/)
  assert.deepEqual(run.tree(), tree)
})

test('what no origin has is deleted when asked for, within the guard', async (t) => {
  const run = new SyncRun(t)
  run.write('old.yaml', documents({ 'foo/1': { a: 1 }, 'foo/2': {}, 'foo/3': {}, 'foo/4': {}, 'foo/5': {} }))
  run.write('new.yaml', documents({ 'foo/1': {} }))
  for (const destination of ['d', 'f.yaml']) {
    await run.says(0, 'old.yaml', destination)
    const tree = run.tree()
    assert.match(await run.says(1, 'new.yaml', destination, '--delete'), /guard/)
    await run.says(1, 'new.yaml', destination, '--delete', '--max-delete', '3')
    await run.says(1, 'null', destination, '--delete')
    assert.deepEqual(run.tree(), tree)
    assert.match(await run.says(0, 'new.yaml', destination, '--delete', '--max-delete', '4'), /1 updated, 4 deleted/)
    assert.equal(
      await run.prints(0, 'new.yaml', destination, '--diff', '--delete'),
      '0 added, 0 changed, 0 removed, 1 the same\n',
    )
  }
})

test('--rm replaces a file whatever it held, and of a directory nothing but resources', async (t) => {
  const run = new SyncRun(t)
  run.write('new.yaml', after)
  run.write('garbage.yaml', 'not: [a document')
  chmodSync(join(run.folder, 'garbage.yaml'), 0o640)
  symlinkSync('garbage.yaml', join(run.folder, 'link.yaml'))
  await run.says(0, 'new.yaml', 'link.yaml', '--rm')
  assert.equal(run.read('garbage.yaml'), await run.prints(0, 'new.yaml', '-'))
  assert.equal(statSync(join(run.folder, 'garbage.yaml')).mode & 0o777, 0o640)
  assert.ok(lstatSync(join(run.folder, 'link.yaml')).isSymbolicLink())
  run.write('d/.git/config', '[core]')
  run.write('d/README.md', '# Notes')
  run.write('d/foo/notes.txt', 'keep')
  run.write('d/old/1.yaml', documents({ 'old/1': {} }))
  await run.says(0, 'new.yaml', 'd', '--rm')
  assert.deepEqual(Object.keys(run.tree('d')), [
    ...['.git/config', 'README.md', 'foo/1.yaml', 'foo/2.yaml', 'foo/4.yaml', 'foo/notes.txt'],
  ])
  assert.deepEqual(
    readdirSync(run.folder).filter((name) => /trebuchet|partial/.test(name)),
    [],
  )
})

test('--update puts resources into a file and keeps its others', async (t) => {
  const run = new SyncRun(t)
  run.write('f.yaml', before)
  run.write('new.yaml', after)
  assert.match(await run.says(0, 'new.yaml', 'f.yaml', '--update'), /1 created, 1 updated, 1 unchanged/)
  assert.equal(run.read('f.yaml').split('---').length - 1, 4)
  const text = run.read('f.yaml')
  assert.match(await run.says(0, 'new.yaml', 'f.yaml', '--update'), /3 unchanged/)
  assert.equal(run.read('f.yaml'), text)
  await run.says(2, 'new.yaml', 'f.yaml', '--update', '--rm')
})

test('--atomic exchanges a directory as a whole, with everything else that is in it', async (t) => {
  const run = new SyncRun(t)
  run.write('new.yaml', after)
  await run.says(0, 'new.yaml', 'fresh', '--atomic')
  assert.deepEqual(Object.keys(run.tree('fresh')), ['foo/1.yaml', 'foo/2.yaml', 'foo/4.yaml'])
  run.write('d/.git/config', '[core]')
  run.write('d/foo/9.yaml', documents({ 'foo/9': {} }))
  mkdirSync(join(run.folder, 'd/empty'))
  symlinkSync('.git/config', join(run.folder, 'd/link'))
  const inode = statSync(join(run.folder, 'd')).ino
  await run.says(0, 'new.yaml', 'd', '--atomic')
  assert.notEqual(statSync(join(run.folder, 'd')).ino, inode)
  assert.deepEqual(Object.keys(run.tree('d')), ['.git/config', 'foo/1.yaml', 'foo/2.yaml', 'foo/4.yaml', 'foo/9.yaml'])
  assert.ok(lstatSync(join(run.folder, 'd/link')).isSymbolicLink())
  assert.ok(statSync(join(run.folder, 'd/empty')).isDirectory())
  run.write('one.yaml', documents({ 'foo/1': {} }))
  const tree = run.tree()
  await run.says(1, 'one.yaml', 'd', '--atomic', '--delete')
  assert.deepEqual(run.tree(), tree)
  assert.deepEqual(readdirSync(run.folder).toSorted(), ['.tmp', 'd', 'fresh', 'new.yaml', 'one.yaml'])
})

test('a directory that a run was killed over, between its two renames, is put back by the next', async (t) => {
  const run = new SyncRun(t)
  run.write('new.yaml', after)
  run.write('.d.trebuchet-replaced/.git/config', '[core]')
  run.write('.d.trebuchet-replaced/foo/9.yaml', documents({ 'foo/9': {} }))
  await run.says(0, 'new.yaml', 'd')
  assert.deepEqual(Object.keys(run.tree('d')), [
    ...['.git/config', 'foo/1.yaml', 'foo/2.yaml', 'foo/4.yaml', 'foo/9.yaml'],
  ])
  run.write('.d.trebuchet-replaced/.git/config', '[core]')
  const tree = run.tree()
  assert.match(await run.says(1, 'new.yaml', 'd', '--atomic'), /\.d\.trebuchet-replaced is what d was/)
  assert.deepEqual(run.tree(), tree)
})

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  test(`${signal} ends it with ${code}, and nothing is left half done`, async (t) => {
    const run = new SyncRun(t)
    run.write('old.yaml', before)
    await run.says(0, 'old.yaml', 'd')
    const tree = run.tree('d')
    const program = run.begin(['-', 'd', '--rm'])
    program.child.stdin?.write(after)
    let said = ''
    program.child.stderr?.on('data', (text: string) => (said += text))
    await until('it to read', async () => said.includes('Reading') && readdirSync(run.temporary).length > 0)
    program.child.kill(signal)
    const outcome = await program.ended()
    assert.equal(outcome.code, code, outcome.stderr)
    assert.match(outcome.stderr, /interrupted; nothing was written/)
    assert.deepEqual(run.tree('d'), tree)
    assert.deepEqual(readdirSync(run.temporary), [])
  })

test('a reader that goes away ends it', async (t) => {
  const run = new SyncRun(t)
  run.write(
    'many.yaml',
    documents(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`foo/${i}`, { text: 'x'.repeat(500) }]))),
  )
  const program = run.begin(['many.yaml', '-'])
  let said = ''
  program.child.stderr?.on('data', (text: string) => (said += text))
  await until('it to write', async () => said.includes('Writing'))
  program.child.stdout?.destroy()
  const outcome = await program.ended()
  assert.equal(outcome.code, 4, outcome.stderr)
  assert.match(outcome.stderr, /standard output was closed before everything was written/)
  assert.deepEqual(readdirSync(run.temporary), [])
})
