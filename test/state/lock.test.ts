import assert from 'node:assert/strict'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { lockFolder } from '../../src/state/lock.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lock.'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

interface Holder {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly said: string
}

async function start(t: TestContext, folder: string): Promise<Holder> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.js'), folder, 'wait'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  t.after(() => child.kill('SIGKILL'))
  const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
  return { child, said }
}

async function kill(holder: Holder): Promise<void> {
  holder.child.kill('SIGKILL')
  await once(holder.child, 'exit')
}

test('a folder is locked once in a process, and again when it was released', async (t) => {
  const folder = await makeFolder(t)
  const lock = await lockFolder(folder)
  await assert.rejects(lockFolder(folder), {
    name: 'ReplicationError',
    code: 'conflict',
    message: `the folder ${folder} is in use by another server (process ${process.pid}): stop that one, or give this one a folder of its own`,
  })
  await lock.release()
  assert.deepEqual(await readdir(join(folder, 'lock')), [])
  await lock.release()
  await (await lockFolder(folder)).release()
})

test('of many calls in one process at once, one has the folder', async (t) => {
  const folder = await makeFolder(t)
  const calls = await Promise.allSettled(Array.from({ length: 20 }, () => lockFolder(folder)))
  const locks = calls.flatMap((call) => (call.status === 'fulfilled' ? [call.value] : []))
  assert.equal(locks.length, 1)
  for (const call of calls)
    if (call.status === 'rejected') assert.equal((call.reason as { code: string }).code, 'conflict')
  await locks[0]?.release()
})

test('another process is refused with the pid of the first, and goes on at once when that is killed', async (t) => {
  const folder = await makeFolder(t)
  const first = await start(t, folder)
  assert.equal(first.said, 'held')
  await assert.rejects(lockFolder(folder), {
    code: 'conflict',
    message: new RegExp(`\\(process ${first.child.pid}\\)`),
  })
  await kill(first)
  const lock = await lockFolder(folder)
  assert.match((await start(t, folder)).said, new RegExp(`^conflict: .*\\(process ${process.pid}\\)`))
  await lock.release()
})

test('a process that is stopped keeps its lock', async (t) => {
  const folder = await makeFolder(t)
  const first = await start(t, folder)
  first.child.kill('SIGSTOP')
  for (let i = 0; i < 3; i++) await assert.rejects(lockFolder(folder), { code: 'conflict' })
  await kill(first)
  await (await lockFolder(folder)).release()
})

test('of many processes that start at once one has the folder, and of the next when that is killed', async (t) => {
  const folder = await makeFolder(t)
  for (let round = 0; round < 3; round++) {
    const holders = await Promise.all(Array.from({ length: 12 }, () => start(t, folder)))
    const winners = holders.filter((holder) => holder.said === 'held')
    assert.equal(winners.length, 1, holders.map((holder) => holder.said).join('\n'))
    const pid = winners[0]?.child.pid
    for (const holder of holders)
      if (holder !== winners[0]) assert.match(holder.said, new RegExp(`^conflict: .*\\(process ${pid}\\)`))
    await Promise.all(winners.map(kill))
  }
})

test('one lock after the other can be had, released and lost, many at once, and there are never two', async (t) => {
  const folder = await makeFolder(t)
  let held = 0
  let times = 0
  const user = async (): Promise<void> => {
    for (let tries = 0; tries < 25; tries++)
      try {
        const lock = await lockFolder(folder)
        assert.equal(++held, 1)
        times++
        await new Promise((resolve) => setImmediate(resolve))
        held--
        await lock.release()
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'conflict', String(error))
      }
  }
  await Promise.all(Array.from({ length: 6 }, user))
  assert.ok(times > 1)
})

test('a lock does not keep its process alive', async (t) => {
  const folder = await makeFolder(t)
  const child = spawn(process.execPath, [join(import.meta.dirname, 'holder.js'), folder], { stdio: 'ignore' })
  assert.deepEqual(await once(child, 'exit'), [0, null])
  await (await lockFolder(folder)).release()
})

test('a folder with a very long name is locked like any other', async (t) => {
  const folder = join(await makeFolder(t), 'n'.repeat(200), 'm'.repeat(200))
  await mkdir(folder, { recursive: true })
  const lock = await lockFolder(folder)
  await assert.rejects(lockFolder(folder), { code: 'conflict' })
  await lock.release()
})

test('what else lies in the folder is left alone', async (t) => {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'lock'))
  await writeFile(join(folder, 'lock', 'note'), 'mine')
  await (await lockFolder(folder)).release()
  assert.deepEqual(await readdir(join(folder, 'lock')), ['note'])
})
