import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { directory } from '../../src/endpoints/directory.ts'
import type { EndpointKind, Target, TargetDelivery, TestStep } from '../../src/endpoints/endpoint.ts'
import { ReplicationError } from '../../src/errors.ts'
import { parsePath, rootPath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import { conforms } from './conformance.ts'
import { deletes, deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

conforms({
  kind: directory as EndpointKind,
  make: async (t) => ({ options: { path: join(await makeFolder(t), 'not/yet/there') } }),
})

function targetAt(path: string): Target {
  const target = directory.target?.({ path }, { installation: 'test' })
  assert.ok(target !== undefined)
  return target
}

async function apply(
  t: TestContext,
  root: string,
  changes: readonly Change[],
  options: Partial<TargetDelivery> = {},
): Promise<void> {
  await targetAt(root).apply(deliveryOf(await pack(t, changes), options), never)
}

async function stepsOf(root: string): Promise<TestStep[]> {
  const steps: TestStep[] = []
  for await (const step of targetAt(root).test(never)) steps.push(step)
  return steps
}

/** A root, and a folder outside of it that nobody may touch. */
async function rootAndOutside(t: TestContext): Promise<{ root: string; outside: string; untouched: () => void }> {
  const folder = await makeFolder(t)
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  mkdirSync(root)
  mkdirSync(join(outside, 'sub'), { recursive: true })
  for (const file of ['file', 'sub/file']) writeFileSync(join(outside, file), 'outside')
  const untouched = (): void => {
    assert.deepEqual(readdirSync(outside, { recursive: true, encoding: 'utf8' }).toSorted(), [
      'file',
      'sub',
      'sub/file',
    ])
    for (const file of ['file', 'sub/file']) assert.equal(readFileSync(join(outside, file), 'utf8'), 'outside')
  }
  return { root, outside, untouched }
}

test('a link where a file is put is replaced, and what it leads to is not', async (t) => {
  const { root, outside, untouched } = await rootAndOutside(t)
  symlinkSync(join(outside, 'file'), join(root, 'a'))
  symlinkSync(join(outside, 'sub'), join(root, 'b'))
  symlinkSync('nowhere', join(root, 'c'))
  await apply(t, root, puts({ '/a': 'a', '/b': 'b', '/c': 'c' }))
  for (const name of ['a', 'b', 'c']) assert.equal(readFileSync(join(root, name), 'utf8'), name)
  for (const name of ['a', 'b', 'c']) assert.ok(lstatSync(join(root, name)).isFile())
  untouched()
})

test('a link where a folder is needed gives way to a real folder', async (t) => {
  const { root, outside, untouched } = await rootAndOutside(t)
  mkdirSync(join(root, 'deep'))
  for (const name of ['a', 'b', 'deep/c']) symlinkSync(outside, join(root, name))
  symlinkSync('nowhere', join(root, 'd'))
  await apply(t, root, puts({ '/a': null, '/b/file': 'b', '/d/file': 'd', '/deep/c/sub/file': 'c' }))
  for (const name of ['a', 'b', 'd', 'deep/c']) assert.ok(lstatSync(join(root, name)).isDirectory())
  assert.equal(readFileSync(join(root, 'deep/c/sub/file'), 'utf8'), 'c')
  untouched()
})

test('nothing is deleted through a link, and a link itself is', async (t) => {
  const { root, outside, untouched } = await rootAndOutside(t)
  for (const name of ['a', 'b', 'c']) symlinkSync(outside, join(root, name))
  mkdirSync(join(root, 'd'))
  symlinkSync(outside, join(root, 'd/link'))
  await apply(t, root, [deletes('/a/file'), deletes('/b/sub'), deletes('/c'), deletes('/d')])
  assert.deepEqual(readdirSync(root).toSorted(), ['.trebuchet', 'a', 'b'])
  untouched()
})

test('a mirror and a list see no links, and nothing behind them', async (t) => {
  const { root, outside, untouched } = await rootAndOutside(t)
  symlinkSync(outside, join(root, 'link'))
  mkdirSync(join(root, 'gone'))
  symlinkSync(outside, join(root, 'gone/link'))
  const pkg = await pack(t, puts({ '/': null, '/a': 'a' }), { mode: 'mirror' })
  await targetAt(root).apply(deliveryOf(pkg), never)
  assert.deepEqual(readdirSync(root).toSorted(), ['.trebuchet', 'a', 'link'])
  const listed: string[] = []
  for await (const { path } of targetAt(root).list?.(rootPath, never) ?? []) listed.push(path)
  assert.deepEqual(listed, ['/', '/a'])
  untouched()
})

test('a fifo in the way holds nothing up', { timeout: 30_000 }, async (t) => {
  const root = await makeFolder(t)
  for (const name of ['a', 'b']) execFileSync('mkfifo', [join(root, name)])
  await apply(t, root, puts({ '/a': 'a', '/b/c': 'c' }))
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'a')
  assert.equal(readFileSync(join(root, 'b/c'), 'utf8'), 'c')
})

test('a target folder that is a file is refused, without saying where it is', async (t) => {
  const folder = await makeFolder(t)
  writeFileSync(join(folder, 'file'), 'kept')
  for (const [path, code, message] of [
    [join(folder, 'file'), 'rejected', /a file or a link is where a folder is needed/],
    [join(folder, 'file/below'), 'invalid', /leads through a file/],
  ] as const) {
    await assert.rejects(apply(t, path, puts({ '/a': 'a' })), (error) => {
      assert.ok(error instanceof ReplicationError && error.code === code && !error.transient)
      assert.match(error.message, message)
      assert.ok(!error.message.includes(folder))
      return true
    })
    const steps = await stepsOf(path)
    assert.deepEqual(
      steps.map(({ step, ok }) => [step, ok]),
      [['folder', false]],
    )
    assert.ok(steps[0]?.detail?.includes(folder) === false)
  }
  assert.equal(readFileSync(join(folder, 'file'), 'utf8'), 'kept')
})

test("a package that would write into the server's own folder is refused whole", async (t) => {
  const root = await makeFolder(t)
  for (const changes of [
    puts({ '/.trebuchet/x/receipts': '', '/a': 'a' }),
    puts({ '/.trebuchet': '', '/a': 'a' }),
    [deletes('/.trebuchet')],
  ])
    await assert.rejects(apply(t, root, changes), { name: 'ReplicationError', code: 'invalid' })
  assert.deepEqual(readdirSync(root), ['.trebuchet'])
  await assert.rejects(
    async () => {
      for await (const state of targetAt(root).list?.(parsePath('/.trebuchet'), never) ?? []) assert.fail(state.path)
    },
    { code: 'invalid' },
  )
})

test('between deliveries nothing is kept but receipts and the memory of the epoch', async (t) => {
  const root = await makeFolder(t)
  await apply(t, root, puts({ '/a/b': 'b', '/c': 'c' }), { epoch: 7 })
  await apply(t, root, [...puts({ '/a': 'a' }), deletes('/c')], { epoch: 7 })
  const [lane, ...others] = readdirSync(join(root, '.trebuchet'))
  assert.deepEqual(others, [])
  assert.deepEqual(
    readdirSync(join(root, '.trebuchet', lane ?? ''), { recursive: true, encoding: 'utf8' }).toSorted(),
    ['7-2', '7-2/ended', 'receipts'],
  )
})

test("a mirror leaves the server's own folder", async (t) => {
  const root = await makeFolder(t)
  const pkg = await pack(t, puts({ '/': null }), { mode: 'mirror' })
  const delivery = deliveryOf(pkg)
  const receipt = await targetAt(root).apply(delivery, never)
  assert.deepEqual(await targetAt(root).apply(delivery, never), receipt)
})

test('new files and folders have the mode that the umask leaves', async (t) => {
  const root = await makeFolder(t)
  await apply(t, root, puts({ '/a/b': 'b' }))
  const umask = Number(execFileSync('sh', ['-c', 'umask'], { encoding: 'utf8' }).trim().replace(/^0*/, '0o0'))
  assert.equal(statSync(join(root, 'a/b')).mode & 0o777, 0o666 & ~umask)
  assert.equal(statSync(join(root, 'a')).mode & 0o777, 0o777 & ~umask)
})

test('a test leaves no trace, and makes no folder', async (t) => {
  const root = await makeFolder(t)
  assert.ok((await stepsOf(root)).every(({ ok }) => ok))
  assert.deepEqual(readdirSync(root), [])
  assert.deepEqual(
    (await stepsOf(join(root, 'not/yet'))).map(({ step, ok }) => [step, ok]),
    [
      ['folder', true],
      ['write', true],
      ['space', true],
    ],
  )
  assert.deepEqual(readdirSync(root), [])
  symlinkSync('/', join(root, '.trebuchet'))
  assert.deepEqual(
    (await stepsOf(root)).map(({ ok }) => ok),
    [true, false],
  )
})

/** Runs with a file system of 1 MiB at the folder, where the test may mount one. */
async function withSmallDisk(t: TestContext, folder: string, run: () => Promise<void>): Promise<void> {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return t.skip('this needs the right to mount a file system')
  }
  try {
    await run()
  } finally {
    execFileSync('umount', [folder])
  }
}

test('a full disk is told of and leaves what was there, and room for a delivery that fits', async (t) => {
  const root = await makeFolder(t)
  await withSmallDisk(t, root, async () => {
    writeFileSync(join(root, 'a'), 'old')
    for (const large of [{ '/large': randomBytes(3_000_000) }, numberedFiles(400, randomBytes(5000))])
      await assert.rejects(apply(t, root, puts({ '/a': 'new', ...large })), {
        ...{ name: 'ReplicationError', code: 'unavailable', transient: true, message: /the disk is full/ },
      })
    assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'old')
    await apply(t, root, puts({ '/a': 'new', '/b': 'b'.repeat(500_000) }))
    assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'new')
  })
})

test('a file system within the folder is told of', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'a'))
  await withSmallDisk(t, join(root, 'a'), async () => {
    writeFileSync(join(root, 'a/b'), 'old')
    await assert.rejects(apply(t, root, puts({ '/a/b': 'new' })), {
      ...{ name: 'ReplicationError', code: 'rejected', message: /^"\/a\/b" .* another file system/ },
    })
    assert.equal(readFileSync(join(root, 'a/b'), 'utf8'), 'old')
  })
})

function numberedFiles(count: number, content: Buffer): Record<string, Buffer> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`/file-${i}`, content]))
}

test('a place is where the links lead to, as far as there is anything', async (t) => {
  const folder = await makeFolder(t)
  mkdirSync(join(folder, 'real'))
  symlinkSync('real', join(folder, 'link'))
  symlinkSync('real/later', join(folder, 'dangling'))
  symlinkSync('circle', join(folder, 'circle'))
  writeFileSync(join(folder, 'file'), '')
  const there = ['file', ...folder.split('/').slice(1)]
  for (const [path, expected] of [
    ['real', ['real']],
    ['link', ['real']],
    ['link/', ['real']],
    ['link/../link/a/b', ['real', 'a', 'b']],
    ['none/a', ['none', 'a']],
    ['dangling/a', ['real', 'later', 'a']],
    ['file', ['file']],
  ] as const)
    assert.deepEqual(await directory.place({ path: `${folder}/${path}` }), [...there, ...expected], path)
  for (const path of ['file/below', 'circle', 'circle/below', 'a\0b', 'n'.repeat(300)])
    await assert.rejects(directory.place({ path: `${folder}/${path}` }), { name: 'ReplicationError', code: 'invalid' })
  assert.deepEqual(await directory.place({ path: '/' }), ['file'])
  assert.equal(existsSync(join(folder, 'real/later')), false)
  rmSync(join(folder, 'circle'))
})
