/** Trees and disks that do not do what they should. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { until } from './client.ts'
import { program, scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'
import type { Package, Page } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
afterEach(async () => {
  assert.ok(await server.isAlive(), server.output)
})

const isRoot = process.getuid?.() === 0
const nobody = 65534

interface Places {
  readonly source: string
  readonly target: string
}

function placesOf(name: string): Places {
  const places = { source: join(folder, name, 'source'), target: join(folder, name, 'target') }
  plant(places.source, { 'content/good.txt': 'good' })
  return places
}

async function agent(name: string, to = client, settings: object = {}): Promise<Places> {
  const places = placesOf(name)
  await to.agent({
    name,
    source: { kind: 'directory', path: places.source },
    targets: [{ name: 'default', kind: 'directory', path: places.target }],
    ...settings,
  })
  return places
}

test('a name that is not UTF-8 fails the export, which names it; the rest goes without it', async () => {
  const { source, target } = await agent('latin')
  writeFileSync(Buffer.from(join(source, 'content/caf\xe9.txt'), 'latin1'), 'coffee')
  const command = await client.replicate('latin', { paths: ['/content'] })
  assert.equal(command.state, 'failed')
  assert.equal(command.agents[0]?.error?.code, 'invalid')
  assert.match(command.agents[0].error.detail, /\/content.*caf/)
  assert.deepEqual(treeOf(target), new Map())
  await client.deliver('latin', { paths: ['/content/good.txt'] })
  assert.equal(textAt(target, 'content/good.txt'), 'good')
})

test('a source folder that has gone is a failure and never a deletion', async () => {
  const queue = { attempts: 2, backoff: { initialMs: 20, maxMs: 20, factor: 1, jitter: 0 } }
  const { source, target } = await agent('gone', client, { queue, deletes: { maxPercent: 100, maxCount: 1000 } })
  await client.deliver('gone', { paths: ['/content'] })
  renameSync(source, `${source}-away`)
  for (const mode of ['update', 'mirror']) {
    const command = await client.replicate('gone', { paths: ['/content'], mode })
    assert.equal(command.state, 'failed')
    assert.match(command.agents[0]?.error?.detail ?? '', /folder does not exist/)
    assert.equal(textAt(target, 'content/good.txt'), 'good')
  }
  renameSync(`${source}-away`, source)
  await client.deliver('gone', { paths: ['/content'], mode: 'mirror' })
})

function canBeNobody(): boolean {
  if (!isRoot) return true
  try {
    execFileSync(process.execPath, ['-e', `require('node:fs').accessSync(${JSON.stringify(program)})`], { uid: nobody })
    return true
  } catch {
    return false
  }
}

/** Root reads everything, so the server runs as somebody else then. */
test(
  'an unreadable file fails the export, which names it',
  { skip: !canBeNobody() && 'nobody cannot read the build' },
  async () => {
    const other = isRoot ? await Server.start({ uid: nobody }) : server
    const { source, target } = placesOf('unreadable')
    if (isRoot) {
      mkdirSync(target)
      chownSync(target, nobody, nobody)
    }
    const queue = { attempts: 2, backoff: { initialMs: 20, maxMs: 20, factor: 1, jitter: 0 } }
    await other.client.agent({
      name: 'unreadable',
      source: { kind: 'directory', path: source },
      queue,
      targets: [{ name: 'default', kind: 'directory', path: target }],
    })
    plant(source, { 'content/secret.txt': 'secret', 'content/closed/x.txt': 'x' })
    for (const [path, mode] of [
      ['content/secret.txt', 0o644],
      ['content/closed', 0o755],
    ] as const) {
      chmodSync(join(source, path), 0)
      const command = await other.client.replicate('unreadable', { paths: ['/content'] })
      assert.equal(command.state, 'failed')
      assert.ok(command.agents[0]?.error?.detail.includes(`/${path}`), JSON.stringify(command.agents[0]?.error))
      assert.deepEqual(treeOf(target), new Map())
      chmodSync(join(source, path), mode)
    }
    await other.client.deliver('unreadable', { paths: ['/content'] })
    assertSameTree(target, source)
  },
)

test('links and loops of links are passed over, never followed', async () => {
  const { source, target } = await agent('links')
  plant(folder, { 'outside/private.txt': 'private' })
  symlinkSync('..', join(source, 'content/loop'))
  symlinkSync(join(folder, 'outside'), join(source, 'content/outside'))
  symlinkSync('self', join(source, 'content/self'))
  const command = await client.replicate('links', { paths: ['/content'] })
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
  assert.deepEqual([...treeOf(target).keys()], ['/content', '/content/good.txt'])
  const beyond = await client.replicate('links', { paths: ['/content/outside/private.txt'] })
  assert.equal(beyond.state, 'failed')
  assert.equal(textAt(target, 'content/outside/private.txt'), undefined)
})

test('a link in the target is never written through', async () => {
  const { source, target } = await agent('link-in-target')
  plant(folder, { 'victim/keep.txt': 'keep' })
  mkdirSync(target, { recursive: true })
  symlinkSync(join(folder, 'victim'), join(target, 'content'))
  const id = await client.send('link-in-target', { paths: ['/content'] })
  await until('an outcome', async () => {
    const { state } = await client.command(id)
    return state !== 'queued' && state !== 'running'
  })
  assert.deepEqual([...treeOf(join(folder, 'victim')).keys()], ['/keep.txt'])
  rmSync(join(target, 'content'), { force: true, recursive: true })
  assert.equal((await client.finished(id)).state, 'succeeded')
  await client.deliver('link-in-target', { paths: ['/content'] })
  assertSameTree(target, source)
})

/** A disk of so many megabytes, if this machine lets us have one. */
function tinyDisk(path: string, megabytes: number): boolean {
  mkdirSync(path, { recursive: true })
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    return false
  }
  after(() => execFileSync('umount', ['-l', path]))
  return true
}

function enlarge(path: string, megabytes: number): void {
  execFileSync('mount', ['-o', `remount,size=${megabytes}m`, path])
}

const noMount = 'needs root and the right to mount: a full disk cannot be made here'

test('a full target disk is a passing failure: nothing torn, and delivered when there is room', async (t) => {
  const { source } = placesOf('full-target')
  const disk = join(folder, 'full-target/disk')
  if (!tinyDisk(disk, 2)) return t.skip(noMount)
  const target = join(disk, 'target')
  await client.agent({
    name: 'full-target',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: target }],
    queue: { backoff: { initialMs: 50, maxMs: 100, factor: 1, jitter: 0 } },
  })
  await client.deliver('full-target', { paths: ['/content'] })
  const before = treeOf(target)
  for (let n = 0; n < 8; n++) plant(source, { [`content/large-${n}.bin`]: randomBytes(1024 * 1024) })
  plant(source, { 'content/good.txt': 'better' })
  const id = await client.send('full-target', { paths: ['/content'] })
  const error = await until('the failure', async () => (await client.command(id)).agents[0]?.targets[0]?.error)
  assert.equal(error.code, 'unavailable')
  assert.match(error.detail, /space|full|ENOSPC/i)
  for (const [path, digest] of treeOf(target))
    assert.ok(digest === treeOf(source).get(path) || digest === before.get(path), `${path} is torn`)
  enlarge(disk, 40)
  assert.equal((await client.finished(id)).state, 'succeeded')
  assertSameTree(target, source)
})

test('a full disk of the server refuses, loses nothing, and goes on when there is room', async (t) => {
  const disk = join(folder, 'full-server/disk')
  if (!tinyDisk(disk, 24)) return t.skip(noMount)
  const small = await Server.start({ env: { DATA_DIR: join(disk, 'data') } })
  const { source, target } = await agent('full-server', small.client, {
    queue: { attempts: 3, backoff: { initialMs: 20, maxMs: 50, factor: 1, jitter: 0 } },
  })
  const first = await small.client.deliver('full-server', { paths: ['/content'] })
  for (let n = 0; n < 16; n++) plant(source, { [`content/large-${n}.bin`]: randomBytes(2 * 1024 * 1024) })
  const command = await small.client.replicate('full-server', { paths: ['/content'] })
  assert.equal(command.state, 'failed')
  assert.equal(command.agents[0]?.error?.code, 'unavailable')
  assert.match(command.agents[0].error.detail, /space|full|ENOSPC/i)
  const { body: packages } = await small.client.get<Page<Package>>('/packages')
  assert.deepEqual(
    packages.items.map(({ id }) => id),
    [first.agents[0]?.package],
  )
  await small.client.deliver('full-server', { paths: ['/content/good.txt'] })

  enlarge(disk, 200)
  assert.equal((await small.client.post(`/commands/${command.id}/retry`)).status, 200)
  assert.equal((await small.client.finished(command.id)).state, 'succeeded')
  assertSameTree(target, source)
  await small.end()
})

test('a tree that changes while it is read is delivered whole or tried again', async () => {
  const { source, target } = await agent('changing')
  const write = (version: number): void => {
    for (let n = 0; n < 20; n++) plant(source, { [`content/page-${n}.txt`]: `${version}\n`.repeat(20_000) })
  }
  write(0)
  const ids: string[] = []
  for (let version = 1; version <= 5; version++) {
    ids.push(await client.send('changing', { paths: ['/content'] }))
    write(version)
    rmSync(join(source, `content/page-${version}.txt`))
    write(version)
  }
  for (const id of ids) assert.match((await client.finished(id)).state, /succeeded|failed/)
  for (let n = 0; n < 20; n++) {
    const lines = new Set(textAt(target, `content/page-${n}.txt`)?.trimEnd().split('\n'))
    assert.equal(lines.size, 1, `page-${n} is torn`)
  }
  await client.deliver('changing', { paths: ['/content'] })
  assertSameTree(target, source)
})
