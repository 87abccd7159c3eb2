import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { openEmbedded } from '../../src/state/embedded.ts'
import { below, scan } from '../../src/state/store.ts'
import { storeConformance } from './conformance.ts'
import type { Place } from './given.ts'

const committer = join(import.meta.dirname, 'committer.js')

async function makePlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'state.'))
  return { open: () => openEmbedded(folder), remove: () => rm(folder, { recursive: true }) }
}

storeConformance('the embedded engine', makePlace)

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'state.'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

type Child = ChildProcessByStdio<null, Readable, null>

function start(t: TestContext, command: string, ...args: string[]): Child {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  return child
}

test('after kill -9 at any time, all that was answered is there and nothing is there by half', async (t) => {
  const folder = await makeFolder(t)
  const answered = new Set<string>()
  for (const kills of [1, 20, 333, 1000, 2345]) {
    const child = start(t, process.execPath, committer, folder, 'commit')
    let lines = 0
    for await (const line of createInterface(child.stdout)) {
      answered.add(line)
      if (++lines === kills) child.kill('SIGKILL')
    }
    assert.ok(lines >= kills, `it ended by itself after ${lines} commits`)

    const store = await openEmbedded(folder)
    const found = { a: new Set<string>(), b: new Set<string>(), log: new Set<string>() }
    for await (const entry of scan<string>(store, below('a/'))) found.a.add(entry.value)
    for await (const entry of scan<string>(store, below('b/'))) found.b.add(entry.key.slice(2))
    for await (const entry of scan<string>(store, below('log/'))) found.log.add(entry.value)
    assert.deepEqual(
      [...answered].filter((n) => !found.a.has(n)),
      [],
    )
    assert.deepEqual(found.b, found.a)
    assert.deepEqual(found.log, found.a)
    assert.equal(await store.last('log'), found.log.size)
    await store.close()
  }
})

// A file that may not grow is as near as one gets to a full disk without being root: writes beyond the limit fail.
test('a full disk makes commits unavailable, keeps what was answered, and is forgotten when there is room', async (t) => {
  const folder = await makeFolder(t)
  const child = start(t, 'sh', '-c', 'ulimit -f 4000 && exec "$@"', 'sh', process.execPath, committer, folder, 'fill')
  const lines: string[] = []
  for await (const line of createInterface(child.stdout)) lines.push(line)
  const refusal = JSON.parse(lines.pop() ?? '') as {
    code: string
    message: string
    half: boolean
    last: number
    after: string
  }
  assert.equal(refusal.code, 'unavailable')
  assert.match(refusal.message, /cannot be written/)
  assert.equal(refusal.half, false)
  assert.equal(refusal.after, 'committed')
  assert.ok(lines.length > 10, `it was full after ${lines.length} commits`)
  assert.equal(refusal.last, lines.length)

  const store = await openEmbedded(folder)
  const found = await store.range({ ...below('a/'), limit: 10_000 })
  assert.deepEqual(new Set(found.map((entry) => entry.value)), new Set(lines.map(Number)))
  const committed = await store.commit({ writes: [{ append: 'log', value: 'x'.repeat(1_000_000) }] })
  assert.ok(committed.ok)
  assert.equal(await store.last('log'), lines.length + 1)
  await store.close()
})

test('a disk that does not answer makes commits unavailable, and everything goes on when it does', async (t) => {
  const folder = await makeFolder(t)
  const store = await openEmbedded(folder, 300)
  t.after(() => store.close())
  await store.commit({ writes: [{ put: 'a', value: 1 }] })
  const abort = new AbortController()
  const follower = store.follow('log', 0, abort.signal)[Symbol.asyncIterator]()
  const followed = follower.next()

  const child = start(t, process.execPath, committer, folder, 'hold', '2000')
  await once(createInterface(child.stdout), 'line')
  await Promise.all(
    [1, 2, 3].map((value) =>
      assert.rejects(
        store.commit({
          writes: [
            { put: 'a', value: 2 },
            { append: 'lost', value },
          ],
        }),
        {
          code: 'unavailable',
          message: /has not answered/,
        },
      ),
    ),
  )
  await assert.rejects(store.commit({ writes: [{ put: 'a', value: 3 }] }), { code: 'unavailable' })
  assert.equal((await store.get('a'))?.value, 1)

  await once(child, 'exit')
  for (;;) {
    const again = store
      .commit({ writes: [{ append: 'log', value: 'later' }] })
      .catch((error: { code: string }) => error.code)
    if ((await again) !== 'unavailable') break
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { value } = await followed
  assert.equal(value?.value, 'later')
  abort.abort()
})

test('a store that hangs on its disk can be closed', async (t) => {
  const folder = await makeFolder(t)
  const store = await openEmbedded(folder, 200)
  const child = start(t, process.execPath, committer, folder, 'hold', '1000')
  await once(createInterface(child.stdout), 'line')
  const commit = assert.rejects(store.commit({ writes: [{ put: 'a', value: 1 }] }), { code: 'unavailable' })
  await store.close()
  await commit
  await once(child, 'exit')
})

// lmdb itself would end the process with a segmentation fault for each of these.
test('a folder that cannot be opened is refused with its name and the reason', async (t) => {
  const folder = await makeFolder(t)
  const store = await openEmbedded(folder)
  await store.commit({ writes: [{ put: 'a', value: 1 }] })
  await store.close()
  const good = await readFile(join(folder, 'data.mdb'))
  const newer = Buffer.from(good)
  newer[28] = 3
  const damaged = Buffer.from(good)
  damaged.fill(0, 4096, 8192)
  const refusals: [Buffer, RegExp][] = [
    [Buffer.from('not a database'.repeat(1000)), /no LMDB database/],
    [good.subarray(0, 4096), /cut off/],
    [good.subarray(0, 20), /cut off/],
    [damaged, /no LMDB database/],
    [newer, /format 3, and this server reads format 2/],
  ]
  for (const [content, message] of refusals) {
    await writeFile(join(folder, 'data.mdb'), content)
    await assert.rejects(openEmbedded(folder), { code: 'unavailable', message })
    await assert.rejects(openEmbedded(folder), { message: new RegExp(`^the state in ${folder} cannot be opened: `) })
  }
  await rm(join(folder, 'data.mdb'))
  await mkdir(join(folder, 'data.mdb'))
  await assert.rejects(openEmbedded(folder), { code: 'unavailable', message: /EISDIR/ })
  await assert.rejects(openEmbedded(join(folder, 'lock.mdb')), { code: 'unavailable', message: /EEXIST/ })
})

test('a folder is made when it is not there, also one whose name has a dot', async (t) => {
  const folder = join(await makeFolder(t), 'deep', 'state.v1')
  const store = await openEmbedded(folder)
  await store.commit({ writes: [{ put: 'a', value: 1 }] })
  await store.close()
  assert.ok((await readdir(folder)).includes('data.mdb'))
})
