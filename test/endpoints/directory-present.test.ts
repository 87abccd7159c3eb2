import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { Receipt, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { ReplicationError } from '../../src/errors.ts'
import { startChild } from './apply-children.ts'
import { shown, treeOf } from './conformance/bench.ts'
import { deletes, deliveryOf, held, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never, readAll } from './trees.ts'

const incomplete = { name: 'ReplicationError', code: 'incomplete', transient: false }

/** A target that holds the tree, all of it written long ago by its own word. */
async function holding(t: TestContext, tree: Tree): Promise<string> {
  const root = await makeFolder(t)
  await directoryTarget(root).apply(deliveryOf(await pack(t, puts(tree))), never)
  const past = new Date('2001-01-01T00:00:00Z')
  for (const [path, content] of Object.entries(tree)) if (content !== null) utimesSync(join(root, path), past, past)
  return root
}

async function apply(
  t: TestContext,
  root: string,
  changes: Parameters<typeof pack>[1],
  { header, ...options }: Partial<TargetDelivery> & { header?: Parameters<typeof pack>[2] } = {},
): Promise<Receipt> {
  return directoryTarget(root).apply(deliveryOf(await pack(t, changes, header), options), never)
}

const inodes = (root: string, names: readonly string[]): number[] =>
  names.map((name) => lstatSync(join(root, name)).ino)

test('what a delta lacks stays as it is where it is, and the rest is written', async (t) => {
  const tree = { '/a': null, '/a/kept': 'kept', '/a/large': Buffer.alloc(3_000_000, 'l'), '/b': 'old', '/none': '' }
  const root = await holding(t, tree)
  const kept = ['a/kept', 'a/large', 'none']
  const before = inodes(root, kept)
  const { '/a': _, '/b': __, ...lacked } = tree
  const receipt = await apply(t, root, [
    ...held(lacked as Parameters<typeof held>[0]),
    ...puts({ '/a': null, '/b': 'new', '/c/d': 'd' }),
  ])
  assert.deepEqual(
    shown(await readAll(directorySource(root))),
    treeOf({ ...tree, '/b': 'new', '/c': null, '/c/d': 'd' }),
  )
  assert.deepEqual(inodes(root, kept), before)
  assert.equal(statSync(join(root, 'a/kept')).mtimeMs, Date.parse('2001-01-01T00:00:00Z'))
  assert.deepEqual([receipt.entries, receipt.bytes], [6, 3_000_008])
  assert.deepEqual(receipt.detail, { written: 2, writtenBytes: 4 })
})

test('what is there already is not written again, and keeps its times', async (t) => {
  const tree = { '/a/one': 'one', '/a/two': Buffer.alloc(2_000_000, '2'), '/b': 'b', '/none': '' }
  const root = await holding(t, tree)
  const before = inodes(root, ['a/one', 'a/two', 'b', 'none'])
  const receipt = await apply(t, root, puts({ ...tree, '/b': 'B' }))
  const [one, two, b, none] = inodes(root, ['a/one', 'a/two', 'b', 'none'])
  assert.deepEqual([one, two, none], [before[0], before[1], before[3]])
  assert.notEqual(b, before[2])
  assert.equal(statSync(join(root, 'a/one')).mtimeMs, Date.parse('2001-01-01T00:00:00Z'))
  assert.deepEqual(receipt.detail, { written: 1, writtenBytes: 1 })
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf({ ...tree, '/a': null, '/b': 'B' }))
})

for (const [what, change] of [
  ['has another content, as large and as old', (file) => rewrite(file, 'HELD')],
  ['is longer', (file) => writeFileSync(file, 'held and more')],
  ['is gone', (file) => rmSync(file)],
  ['is a folder', (file) => remake(file, () => mkdirSync(file))],
  ['is a link to what has the content', (file) => remake(file, () => symlinkSync('elsewhere', file))],
  ['is a fifo', (file) => remake(file, () => execFileSync('mkfifo', [file]))],
  ['is behind a link to a folder that has it', (file) => linkFolder(join(file, '..'))],
  ['is in a folder that is gone', (file) => rmSync(join(file, '..'), { recursive: true })],
] as [string, (file: string) => void][])
  test(`a delta is incomplete, and changes nothing, when what it lacks ${what}`, async (t) => {
    const root = await holding(t, { '/a/elsewhere': 'held', '/a/held': 'held', '/b': 'old' })
    change(join(root, 'a/held'))
    const found = shown(await readAll(directorySource(root)))
    const changes = [deletes('/a/elsewhere'), ...held({ '/a/held': 'held' }), ...puts({ '/0': 'new', '/b': 'new' })]
    await assert.rejects(apply(t, root, changes), { ...incomplete, message: /"\/a\/held"/ })
    assert.deepEqual(shown(await readAll(directorySource(root))), found)
  })

function rewrite(file: string, content: string): void {
  const { atime, mtime } = statSync(file)
  writeFileSync(file, content)
  utimesSync(file, atime, mtime)
}

function remake(file: string, make: () => void): void {
  rmSync(file)
  make()
}

function linkFolder(folder: string): void {
  renameSync(folder, `${folder}-moved`)
  symlinkSync('a-moved', folder)
}

test('a mirror by a delta removes what is not listed, and leaves what is held', async (t) => {
  const root = await holding(t, { '/a/held': 'held', '/a/more': 'more', '/b/more': 'more' })
  const header = { mode: 'mirror' } as const
  await apply(t, root, [...puts({ '/': null, '/a': null, '/c': 'c' }), ...held({ '/a/held': 'held' })], { header })
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf({ '/a': null, '/a/held': 'held', '/c': 'c' }))
})

test('with paths, a delta need not find what lies beside them', async (t) => {
  const root = await holding(t, { '/a/held': 'held' })
  const changes = [...held({ '/a/held': 'held', '/b/none': 'none' }), ...puts({ '/a/new': 'new', '/b/new': 'new' })]
  const paths = ['/a'] as unknown as NonNullable<TargetDelivery['paths']>
  const receipt = await apply(t, root, changes, { paths })
  assert.deepEqual([receipt.entries, receipt.bytes], [2, 7])
  assert.deepEqual(
    shown(await readAll(directorySource(root))),
    treeOf({ '/a': null, '/a/held': 'held', '/a/new': 'new' }),
  )
})

test('one content under two names is not written through either', async (t) => {
  const root = await holding(t, { '/a': 'same', '/b': 'old' })
  rmSync(join(root, 'b'))
  linkSync(join(root, 'a'), join(root, 'b'))
  await apply(t, root, puts({ '/a': 'same', '/b': 'new!' }))
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf({ '/a': 'same', '/b': 'new!' }))
})

test(
  'what the server may not read is written anew, and is lacking where it is held',
  { timeout: 60_000 },
  async (t) => {
    const root = await makeFolder(t)
    const nobody = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
    writeFileSync(join(root, 'a'), 'same')
    for (const place of [root, join(root, 'a')]) if (nobody.uid !== undefined) chownSync(place, nobody.uid, nobody.gid)
    chmodSync(join(root, 'a'), 0o200)
    const outcomeOf = async (changes: Parameters<typeof pack>[1]): Promise<string | undefined> => {
      const pkg = await pack(t, changes)
      for (const place of [join(pkg.file, '..'), pkg.file]) chmodSync(place, 0o755)
      return (await startChild({ do: 'apply', path: root, delivery: deliveryOf(pkg) }, nobody).outcome)?.error?.code
    }
    assert.equal(await outcomeOf(held({ '/a': 'same' })), 'incomplete')
    assert.equal(await outcomeOf(puts({ '/a': 'same' })), undefined)
    assert.equal(statSync(join(root, 'a')).mode & 0o400, 0o400)
    assert.equal(await outcomeOf(held({ '/a': 'same' })), undefined)
  },
)

test(
  'what changes while it is read is looked at again later, and never taken for what it was',
  { timeout: 60_000 },
  async (t) => {
    const content = Buffer.alloc(8_000_000, 'same')
    const root = await holding(t, { '/a': content })
    const pkg = await pack(t, held({ '/a': content }))
    // The same bytes again and again: what is found must be torn, or the same.
    const code = `const { writeFileSync, openSync, writeSync } = require('node:fs')
    const fd = openSync(require('node:worker_threads').workerData, 'r+')
    const bytes = Buffer.alloc(4000, 'same')
    for (let at = 0; ; at = (at + 4000) % 8000000) writeSync(fd, bytes, 0, 4000, at)`
    const writer = new Worker(code, { eval: true, workerData: join(root, 'a') })
    t.after(() => writer.terminate())
    for (let torn = 0; torn === 0;)
      await directoryTarget(root)
        .apply(deliveryOf(pkg), never)
        .catch((error: unknown) => {
          assert.ok(error instanceof ReplicationError && error.code === 'unavailable' && error.transient, String(error))
          torn++
        })
  },
)

/** In memory, where there is such a place: what a killed process leaves is the same there, and nothing waits for a disk. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()
const kills = 4

test('whenever the apply of a delta is killed, the next ends it', { timeout: 240_000 }, async (t) => {
  const names = Array.from({ length: 200 }, (_, i) => `/tree/${i % 10}/file-${i}`)
  const [lacked, changed] = [names.filter((_, i) => i % 3 > 0), names.filter((_, i) => i % 3 === 0)]
  const contents = (paths: readonly string[], text: string): Record<string, string> =>
    Object.fromEntries(paths.map((path) => [path, `${text} ${path}`]))
  const folders = Object.fromEntries(
    ['/tree', ...Array.from({ length: 10 }, (_, i) => `/tree/${i}`)].map((path) => [path, null]),
  )
  const kept = contents(lacked, 'kept')
  const root = await makeFolder(t, parent)
  const whole = await pack(t, puts({ ...folders, ...kept, ...contents(changed, 'old') }))
  const delta = await pack(t, [...puts({ ...folders, ...contents(changed, 'new') }), ...held(kept)])
  const target = directoryTarget(root)
  let [epoch, killed, wholeMs] = [0, 0, 0]
  for (let i = 0; i <= kills; i++) {
    await target.apply(deliveryOf(whole, { epoch: ++epoch }), never)
    const before = inodes(root, lacked)
    const delivery = deliveryOf(delta, { epoch: ++epoch })
    const child = startChild({ do: 'apply', path: root, delivery })
    await child.begun
    const from = performance.now()
    if (i > 0) {
      await setTimeout((wholeMs * i) / kills)
      child.process.kill('SIGKILL')
    }
    const outcome = await child.outcome
    if (i === 0) wholeMs = performance.now() - from
    if (outcome?.result === undefined) killed++
    const receipt = await target.apply({ ...delivery, epoch: ++epoch }, never)
    if (outcome?.result !== undefined) assert.deepEqual(receipt, outcome.result)
    const expected = { ...folders, ...kept, ...contents(changed, 'new') }
    assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(expected))
    assert.deepEqual(inodes(root, lacked), before)
  }
  assert.ok(killed > 0)
})

/** What the lane says has been made durable. */
function durableBefore(root: string): number {
  const own = join(root, '.trebuchet')
  const lane = join(own, readdirSync(own)[0] ?? '')
  const staging = readdirSync(lane).find((name) => /^\d+-\d+$/.test(name)) ?? ''
  return Number(readFileSync(join(lane, staging, 'ended'), 'utf8'))
}

test('what others have written is made durable once before there is a receipt for it', async (t) => {
  const tree = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`/a/${i}`, `content ${i}`]))
  const root = await makeFolder(t)
  const pkg = await pack(t, puts(tree))
  const target = directoryTarget(root)
  let epoch = 0
  const after = async (): Promise<number> => {
    await target.apply(deliveryOf(pkg, { epoch: ++epoch }), never)
    return durableBefore(root)
  }
  assert.ok((await after()) > statSync(join(root, 'a/49')).ctimeMs)
  // The folder came to its place behind that.
  const first = await after()
  assert.ok(first > statSync(join(root, 'a')).ctimeMs)
  assert.equal(await after(), first)
  for (const [path, content] of Object.entries(tree)) writeFileSync(join(root, path), content)
  const later = await after()
  assert.ok(later > statSync(join(root, 'a/49')).ctimeMs)
  assert.equal(await after(), later)
  // Whoever has not come to his end may have moved what is not durable yet.
  const lane = join(root, '.trebuchet', readdirSync(join(root, '.trebuchet'))[0] ?? '')
  rmSync(join(lane, `${epoch}-1`, 'ended'))
  assert.ok((await after()) > later)
})
