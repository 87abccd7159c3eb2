import assert from 'node:assert/strict'
import { readFile, utimes } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { forgetPackages, sweepOrphans } from '../../../src/agents/retention/packages.ts'
import { deletePackage, packageOf, receivePackage } from '../../../src/agents/packages.ts'
import type { PackageRecord } from '../../../src/agents/commands/records.ts'
import { tidy } from '../../../src/agents/retention/tidy.ts'
import { ReplicationError } from '../../../src/errors.ts'
import type { PackageId } from '../../../src/packages/manifest.ts'
import type { Batch } from '../../../src/state/store.ts'
import { assertConsistent, packagesOnDisk } from './consistency.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { watchedStore } from '../watched-store.ts'

const dayMs = 24 * 3_600_000
const never = new AbortController().signal

async function tidyIn(days: number, { parts }: Given): Promise<void> {
  while (await tidy(parts, Date.now() + days * dayMs, never));
}

/** One finished replication of one file with this text; answers its package. */
async function replicate(given: Given, text: string): Promise<PackageId> {
  given.write('/content/page', text)
  const { agents, state } = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(state, 'succeeded')
  return agents[0]?.package as PackageId
}

async function isKnown({ parts }: Given, id: PackageId): Promise<boolean> {
  return packageOf(parts, id).then(
    () => true,
    () => false,
  )
}

/** Sends a package that this installation had, as another server would. */
async function receive({ parts }: Given, bytes: Uint8Array): Promise<PackageRecord> {
  return receivePackage(parts, Readable.from([bytes]), never)
}

async function bytesOf({ parts }: Given, id: PackageId): Promise<Uint8Array> {
  return readFile((await parts.packages.file(id)).file)
}

test('a package goes a day after the last history that refers to it, and not before', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 10 } })
  const id = await replicate(given, 'v1')
  await tidyIn(9.9, given)
  await tidyIn(11.5, given)
  assert.equal(await isKnown(given, id), true)
  await tidyIn(12.4, given)
  assert.equal(await isKnown(given, id), true)
  await tidyIn(12.6, given)
  assert.equal(await isKnown(given, id), false)
  assert.deepEqual(await packagesOnDisk(given.parts), [])
  await assertConsistent(given.parts)
})

test('a package that two commands made stays while the history of one is kept', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepEntries: 2 } })
  const id = await replicate(given, 'same')
  const other = await replicate(given, 'other')
  assert.equal(await replicate(given, 'same'), id)
  await tidyIn(0, given)
  await tidyIn(2, given)
  assert.deepEqual((await packagesOnDisk(given.parts)).toSorted(), [id, other].toSorted())
  for (const text of ['v1', 'v2']) await replicate(given, text)
  await tidyIn(2, given)
  await tidyIn(4, given)
  assert.equal((await packagesOnDisk(given.parts)).length, 2)
  assert.equal(await isKnown(given, id), false)
  await assertConsistent(given.parts)
})

test('a package that came and that no command took goes a day after it came last', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  const id = await replicate(given, 'from elsewhere')
  const bytes = await bytesOf(given, id)
  await tidyIn(2, given)
  await tidyIn(4, given)
  assert.equal(await isKnown(given, id), false)

  assert.equal((await receive(given, bytes)).id, id)
  await tidyIn(0.9, given)
  assert.equal(await isKnown(given, id), true)
  await tidyIn(1.1, given)
  assert.deepEqual(await packagesOnDisk(given.parts), [])
  await assertConsistent(given.parts)
})

test('a package that comes again just before it would go is kept for another day', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  const id = await replicate(given, 'again')
  const bytes = await bytesOf(given, id)
  // History went at once, and the package was let go long ago: it is due today.
  await letGoLongAgo(given, id)
  await tidyIn(1.5, given)
  await receive(given, bytes)
  await forgetPackages(given.parts, Date.now() + dayMs / 2, 1000, never)
  assert.equal(await isKnown(given, id), true)
  await assertConsistent(given.parts)
})

for (const [how, again] of [
  ['made', async (given: Given) => replicate(given, 'again')],
  ['sent', async (given: Given, bytes: Uint8Array) => (await receive(given, bytes)).id],
] as const)
  test(`a package that is ${how} again at the moment at which it goes stays whole`, async (t) => {
    const given = await givenEngine(t)
    await given.agent('author', ['one'], { history: { keepDays: 1 } })
    const id = await replicate(given, 'again')
    const bytes = await bytesOf(given, id)
    await tidyIn(2, given)
    let interfered = 0
    const store = watchedStore(given.parts.store, {
      commit: async (batch, really) => {
        if (deletes(batch, `package/${id}`) && interfered++ === 0) assert.equal(await again(given, bytes), id)
        return really(batch)
      },
    })
    await letGoLongAgo(given, id)
    await forgetPackages({ store, packages: given.parts.packages }, Date.now(), 1000, never)
    assert.equal(interfered, 1)
    assert.equal(await isKnown(given, id), true)
    await assertConsistent(given.parts)
  })

test('a package that is made again between the end of its record and that of its bytes is known, with its bytes', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  const id = await replicate(given, 'again')
  await tidyIn(2, given)
  const store = watchedStore(given.parts.store, {
    commit: async (batch, really) => {
      const committed = await really(batch)
      if (deletes(batch, `package/${id}`)) assert.equal(await replicate(given, 'again'), id)
      return committed
    },
  })
  // Let go long ago, and its bytes are as old; those that are written now are not.
  await letGoLongAgo(given, id)
  const { packages } = given.parts
  const long = new Date(Date.now() - 2 * dayMs)
  await utimes((await packages.file(id)).file, long, long)
  await forgetPackages({ store, packages }, Date.now(), 1000, never)
  assert.equal(await isKnown(given, id), true)
  await assertConsistent(given.parts)
})

test('an import of a package that has just gone says that it is missing', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  const record = await packageOf(given.parts, await replicate(given, 'v1'))
  await tidyIn(2, given)
  await tidyIn(4, given)
  await assert.rejects(given.ask({ agents: ['author'], kind: 'import', package: record }), { code: 'missing' })
})

test('the parts of an index stay as long as it does, and go with it', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  for (let i = 0; i < 16_500; i++) given.write(`/content/f${i}`, `${i}`)
  const { agents } = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(agents[0]?.parts?.total, 2)
  assert.equal((await packagesOnDisk(given.parts)).length, 3)
  await tidyIn(2, given)
  await sweepOrphans(given.parts, Date.now() + 2 * dayMs, never)
  assert.equal((await packagesOnDisk(given.parts)).length, 3)
  await assertConsistent(given.parts)
  await tidyIn(4, given)
  assert.deepEqual(await packagesOnDisk(given.parts), [])
  await assertConsistent(given.parts)
})

test('the bytes of a package that somebody deletes go when they are a day old', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const id = await replicate(given, 'v1')
  await deletePackage(given.parts, id)
  await tidyIn(0, given)
  assert.deepEqual(await packagesOnDisk(given.parts), [id])
  await tidyIn(1.1, given)
  assert.deepEqual(await packagesOnDisk(given.parts), [])
  assert.equal((await viewCommand(given.parts.store, await newest(given))).state, 'succeeded')
  await assertConsistent(given.parts, new Set([id]))
})

test('bytes that a crash has left without a record go when they are a day old', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const known = await replicate(given, 'known')
  const orphan = await replicate(given, 'orphan')
  await given.parts.store.commit({ writes: [{ delete: `package/${orphan}` }] })
  await sweepOrphans(given.parts, Date.now() + 0.9 * dayMs, never)
  assert.equal((await packagesOnDisk(given.parts)).length, 2)
  await sweepOrphans(given.parts, Date.now() + 1.1 * dayMs, never)
  assert.deepEqual(await packagesOnDisk(given.parts), [known])
})

test('a store that breaks off at any commit is tidied up by the next turn', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 1 } })
  await given.agent('other', ['two'], { history: { keepDays: 1 } })
  const { packages } = given.parts
  let broken = 0
  for (let n = 0, whole = false; !whole; n++) {
    for (const text of [`a${n}`, `b${n}`]) {
      given.write('/content/page', text)
      await given.finished(await given.ask({ agents: ['author', 'other'] }))
    }
    whole = true
    for (const days of [3, 6, 9]) {
      let commits = 0
      const store = watchedStore(given.parts.store, {
        commit: async (batch, really) => {
          if (commits++ < n) return really(batch)
          // As when the connection breaks: it may have been done, and nobody knows.
          if (n % 2 === 0) await really(batch)
          throw new ReplicationError('unavailable', 'broken off')
        },
      })
      await tidy({ ...given.parts, store, packages }, Date.now() + days * dayMs, never).catch(() => {
        whole = false
        broken++
      })
      await assertConsistent(given.parts)
    }
    for (const days of [9, 12]) await tidyIn(days, given)
    assert.deepEqual(await packagesOnDisk(given.parts), [])
    assert.deepEqual(await given.parts.store.range({ from: 'command/', to: 'command0', limit: 1 }), [])
    await assertConsistent(given.parts)
  }
  assert.ok(broken > 4)
})

test('two servers that tidy up at the same time do it once', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepEntries: 5 } })
  for (let n = 0; n < 30; n++) await replicate(given, `v${n}`)
  for (const days of [0, 2, 4]) await Promise.all([tidyIn(days, given), tidyIn(days, given), tidyIn(days, given)])
  assert.equal((await packagesOnDisk(given.parts)).length, 5)
  await assertConsistent(given.parts)
})

/** So that it is due today. */
async function letGoLongAgo({ parts }: Given, id: PackageId): Promise<void> {
  await parts.store.commit({ writes: [{ put: `package-idle/2020-01-01T00:00:00.000Z/${id}`, value: true }] })
}

function deletes({ writes }: Batch, key: string): boolean {
  return writes.some((write) => 'delete' in write && write.delete === key)
}

async function newest({ parts }: Given): Promise<string> {
  const [last] = await parts.store.range({ from: 'command/', to: 'command0', reverse: true, limit: 1 })
  return last?.key.slice('command/'.length) ?? ''
}
