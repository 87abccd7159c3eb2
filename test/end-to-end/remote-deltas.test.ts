/** What is sent to another server, and what it is asked instead. */
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { remote } from '../../src/endpoints/remote.ts'
import type { PackageId, PackageSummary } from '../../src/packages/manifest.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { changesOf, headerOf, never, origin, type Tree } from '../packages/trees.ts'
import { scratch, Server } from './server.ts'
import { textAt } from './trees.ts'
import type { HistoryEntry, Page, Problem } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
const store = await PackageStore.open(join(folder, 'packages'))

/** More than is sent unasked, and than is sent without telling how far it is. */
const large = randomBytes(2_000_000).toString('base64')
const tree = { '/a': 'is there', '/b': large }
const lacking: Tree = { '/a': { held: 'is there' }, '/b': large }
const write = (what: Tree, delta = false): Promise<PackageSummary> =>
  store.write(headerOf('/'), changesOf(what), origin, never, { delta })

interface Far {
  readonly target: Target
  readonly agent: string
  readonly place: string
}

async function farAgent(targets?: readonly object[]): Promise<Far> {
  const agent = `far-${randomUUID()}`
  const place = join(folder, agent)
  mkdirSync(place)
  await client.agent({
    name: agent,
    targets: targets ?? [{ name: 'default', kind: 'directory', path: place }],
  } as never)
  const target = remote.target?.({ url: client.origin, agent }, { installation: 'test' })
  assert.ok(target !== undefined)
  return { target, agent, place }
}

interface Applying {
  readonly id?: string
  readonly epoch?: number
}

/** Answers whether the zip was sent. */
async function apply(
  { target, agent }: Far,
  id: PackageId,
  { id: delivery = randomUUID(), epoch = 1 }: Applying = {},
): Promise<boolean> {
  let isSent = false
  const one: TargetDelivery = {
    ...{ id: delivery, lane: `test/${agent}/default`, epoch, package: await store.file(id) },
    deletes: { maxPercent: 100, maxCount: 1000 },
    progress: (_entries, _bytes, sending) => void (isSent ||= sending !== undefined),
  }
  const receipt = await target.apply(one, never)
  assert.deepEqual([receipt.delivery, receipt.package], [delivery, id])
  return isSent
}

async function commandsOf({ agent }: Far): Promise<number> {
  const { body } = await client.get<Page<HistoryEntry>>(`/agent/${agent}/import/history`)
  return body.items.length
}

test('a package is sent to another server once, whatever of its agents it is for', async () => {
  const { id } = await write(tree)
  const [one, other] = [await farAgent(), await farAgent()]
  assert.equal(await apply(one, id), true)
  assert.equal(await apply(one, id), false)
  assert.equal(await apply(other, id), false)
  assert.deepEqual([textAt(other.place, 'a'), textAt(other.place, 'b')], ['is there', large])
  assert.deepEqual([await commandsOf(one), await commandsOf(other)], [2, 1])
})

test('a delta whose target holds the rest is applied', async () => {
  const far = await farAgent()
  writeFileSync(join(far.place, 'a'), 'also there')
  const { id } = await write({ '/a': { held: 'also there' }, '/b': large }, true)
  assert.equal(await apply(far, id), true)
  assert.deepEqual([textAt(far.place, 'a'), textAt(far.place, 'b')], ['also there', large])
  assert.equal(await apply(far, id), false)
})

test('a delta whose target does not hold the rest is incomplete, and whole under the same delivery it is applied', async () => {
  const far = await farAgent()
  const other = { '/a': 'is not there', '/b': `${large}!` }
  const { id } = await write({ ...other, '/a': { held: 'is not there' } }, true)
  const delivery = { id: randomUUID() }
  await assert.rejects(apply(far, id, delivery), { code: 'incomplete', final: true, message: /"\/a"/ })
  assert.deepEqual([textAt(far.place, 'a'), textAt(far.place, 'b')], [undefined, undefined])
  // Killed in between: what it was about to forget it must not have.
  await server.crash()
  await server.restart()
  await assert.rejects(apply(far, id, { ...delivery, epoch: 2 }), { code: 'incomplete', final: true })
  assert.equal((await write(other)).id, id)
  assert.equal(await apply(far, id, { ...delivery, epoch: 3 }), true)
  assert.deepEqual([textAt(far.place, 'a'), textAt(far.place, 'b')], ['is not there', `${large}!`])
  assert.equal(await apply(far, id, { ...delivery, epoch: 4 }), false)
  assert.equal(await commandsOf(far), 1)
})

test('an agent that needs all refuses a delta before it is queued', async () => {
  const file = join(folder, 'documents.json')
  writeFileSync(file, '{}')
  for (const targets of [
    [{ name: 'default', kind: 'file', path: file }],
    [
      { name: 'near', kind: 'directory', path: join(folder, 'near') },
      { name: 'default', kind: 'file', path: file },
    ],
  ]) {
    const far = await farAgent(targets)
    const { id } = await write({ '/a': { held: `${targets.length}` }, '/b': large }, true)
    await assert.rejects(apply(far, id), { code: 'incomplete', final: true })
    assert.equal(await commandsOf(far), 0)
  }
})

test('a package that is named is not there where less of it is than is meant', async () => {
  const far = await farAgent()
  await client.post(`/agent/${far.agent}/pause`)
  const { id } = await write({ ...lacking, '/c': 'c' }, true)
  const { status } = await client.post(`/agent/${far.agent}/import`, {
    body: new Uint8Array(await new Response((await store.openRead(id)) as never).arrayBuffer()),
    headers: { 'content-type': 'application/zip' },
  })
  assert.equal(status, 202)
  const named = (carries: string) =>
    client.post<Problem>(`/agent/${far.agent}/import`, {
      json: { package: id },
      headers: { 'package-carries': carries, 'idempotency-key': 'one for all' },
    })
  for (const carries of ['all', '3']) {
    const refused = await named(carries)
    assert.deepEqual([refused.status, refused.body.code], [404, 'missing'])
  }
  assert.equal((await named('some')).status, 400)
  // Nothing of these has kept the key.
  assert.equal((await named('2')).status, 202)
})
