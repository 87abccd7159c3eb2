/** An upload that breaks off goes on where it stopped, whoever of the two dies, and comes from its beginning where that cannot be. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request, type ClientRequest } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { ended, RawSender, type By } from './raw-sender.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'

const folder = scratch()
const [near, far] = await Promise.all([Server.start(), Server.start()])
const proxy = await CuttingProxy.before(far.port)
const MiB = 1024 * 1024
const size = 8 * MiB
await far.client.agent({ name: 'in', targets: [{ kind: 'directory', path: join(folder, 'target') }] })
for (const [name, initialMs] of [
  ['out', 50],
  ['patient', 3000],
] as const)
  await near.client.agent({
    name,
    source: { kind: 'directory', path: join(folder, 'source') },
    targets: [{ kind: 'remote', url: proxy.url, agent: 'in' }],
    queue: { backoff: { initialMs, maxMs: initialMs } },
  })
const packages = join(far.environment['PACKAGES_DIR'] ?? join(far.dataDir, 'packages'))
const unfinished = (): string[] =>
  readdirSync(join(packages, 'unfinished')).map((name) => join(packages, 'unfinished', name))
const unfinishedBytes = (): number => Math.max(0, ...unfinished().map((file) => statSync(file).size))
/** The upload is held, so that it does not hold the next one, and some of it is there. */
const held = (): Promise<true> =>
  until('the upload to be held', async () => proxy.next === undefined && unfinishedBytes() > 2 * MiB)

plant(join(folder, 'source'), { raw: randomBytes(size) })
const made = await near.client.fetch('POST', '/replication/agent/out/export', {
  json: { paths: ['/raw'] },
  headers: { accept: 'application/zip' },
})
assert.equal(made.status, 200)
const zip = Buffer.from(await made.arrayBuffer())

/** Sends another content of 8 MiB, whose upload is cut or held when so much of it is through. */
async function sent(name: string, how: 'cut' | 'hold', agent = 'out'): Promise<{ id: string; content: Buffer }> {
  const content = randomBytes(size)
  plant(join(folder, 'source'), { [name]: content })
  proxy.sent = 0
  proxy.heads.length = 0
  proxy.next = { at: 5 * MiB, how }
  return { id: await near.client.send(agent, { paths: [`/${name}`] }), content }
}

async function arrived(name: string, { id, content }: { id: string; content: Buffer }): Promise<void> {
  const command = await near.client.finished(id)
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
  assert.ok(readFileSync(join(folder, 'target', name)).equals(content))
  assert.deepEqual(unfinished(), [], 'nothing is left of it')
}

test('after a connection was cut the rest is sent, and no more', async () => {
  const one = await sent('cut', 'cut')
  await arrived('cut', one)
  const [first, second, ...more] = proxy.offsets
  assert.deepEqual([first, more], [0, []])
  assert.ok(second !== undefined && second > MiB && second < 6 * MiB, `${second}`)
  assert.ok(proxy.sent < 12 * MiB, `${proxy.sent} bytes were sent`)
})

test('what cannot be put together comes again from its beginning', async () => {
  const one = await sent('spoilt', 'cut', 'patient')
  // While its sender waits for its next try.
  const file = await until('what came to be kept', async () => unfinished().find((name) => name.endsWith('.kept')))
  writeFileSync(file, Buffer.alloc(statSync(file).size, 'x'))
  await arrived('spoilt', one)
  assert.equal(proxy.offsets.at(-1), 0)
})

test('a server that is killed while it receives goes on behind what it had', async () => {
  const one = await sent('receiver', 'hold')
  await held()
  await far.crash()
  await far.launch()
  await arrived('receiver', one)
  assert.ok((proxy.offsets.at(-1) ?? 0) > MiB, proxy.offsets.join())
})

test('a server that is killed while it sends goes on where it was', async () => {
  const one = await sent('sender', 'hold')
  await held()
  await near.crash()
  await near.launch()
  await arrived('sender', one)
  assert.ok((proxy.offsets.at(-1) ?? 0) > MiB, proxy.offsets.join())
})

const { received, begun } = new RawSender(far.port, zip)

/** Half of it has come, and it is still open. */
async function half(by: By): Promise<ClientRequest> {
  const call = begun(by)
  call.write(zip.subarray(0, 3 * MiB))
  await until('half of it to be there', async () => unfinishedBytes() === 3 * MiB)
  return call
}

test('a successor goes on with what his predecessor sent, who is cut off and cannot go on with it himself', async () => {
  const [old, young] = [1, 2].map((epoch) => ({ delivery: 'd1', epoch }))
  assert.ok(old && young)
  const stopped = await half(old)
  const cut = new Promise<void>((resolve) => stopped.once('close', () => resolve()))
  assert.equal((await received(young)).received, 3 * MiB)
  await cut
  assert.equal((await received(old)).received, 3 * MiB)
  const on = begun({ ...young, from: 3 * MiB })
  on.write(zip.subarray(3 * MiB, 4 * MiB))
  await until('the successor to go on', async () => unfinishedBytes() === 4 * MiB)
  assert.equal((await received(old)).status, 409)
  assert.equal((await ended(begun({ ...old, from: 3 * MiB }), zip.subarray(3 * MiB))).status, 409)
  assert.equal((await ended(on, zip.subarray(4 * MiB))).status, 202)
  // All is there, and the older one is told so, or refused: he adds nothing.
  assert.deepEqual(unfinished(), [])
  assert.ok([202, 409].includes((await ended(begun(old), zip)).status ?? 0))
})

test('only the same caller, delivery and file get what was kept; and nothing of it can be made a package of', async () => {
  const by = { delivery: 'd2', epoch: 3 }
  ;(await half(by)).destroy()
  await until('it to be kept', async () => unfinished().some((name) => name.endsWith('.kept')))
  for (const other of [
    { ...by, delivery: 'd3' },
    { ...by, tag: 'b' },
  ]) {
    assert.deepEqual(await received(other), { status: 200, received: 0 })
    const refused = await ended(begun({ ...other, from: 3 * MiB }), zip.subarray(3 * MiB))
    assert.deepEqual([refused.status, refused.body['code']], [409, 'conflict'])
  }
  const other = Buffer.from(zip.subarray(3 * MiB))
  other[5] = (other[5] ?? 0) ^ 1
  const spoilt = await ended(begun({ ...by, from: 3 * MiB }), other)
  assert.deepEqual([spoilt.status, spoilt.body['code']], [422, 'corrupt'])
  assert.deepEqual(await received(by), { status: 200, received: 0 })
})

test('another caller gets nothing of it', async () => {
  const guarded = await Server.start({ env: { ADMIN_TOKEN: 'an-admin-token-of-tests' } })
  guarded.client.token = 'an-admin-token-of-tests'
  await guarded.client.agent({ name: 'in', targets: [{ kind: 'directory', path: join(folder, 'guarded') }] })
  const tokens = await Promise.all(
    ['one', 'two'].map(async (name) => {
      const rights = [{ agents: ['in'], can: ['import'] }]
      const { body, text } = await guarded.client.post<{ secret: string }>('/tokens', { json: { name, rights } })
      assert.ok(body.secret, text)
      return body.secret
    }),
  )
  const by = { delivery: 'd4', epoch: 1 }
  const [mine, other] = tokens.map((token) => new RawSender(guarded.port, zip, token))
  assert.ok(mine && other)
  const call = mine.begun(by)
  call.write(zip.subarray(0, 3 * MiB))
  const kept = (): string[] =>
    readdirSync(join(guarded.environment['PACKAGES_DIR'] ?? join(guarded.dataDir, 'packages'), 'unfinished'))
  await until('it to be on its way', async () => kept().length > 0)
  call.destroy()
  await until('it to be kept', async () => kept().some((name) => name.endsWith('.kept')))
  assert.deepEqual(await other.received(by), { status: 200, received: 0 })
  const { received: there = 0 } = await mine.received(by)
  assert.ok(there > 0)
  assert.equal((await ended(other.begun({ ...by, from: there }), zip.subarray(there))).status, 409)
  assert.equal((await ended(mine.begun({ ...by, from: there }), zip.subarray(there))).status, 202)
})

test('an upload of which nothing is said leaves nothing when it breaks off, and what is said of it must fit', async () => {
  const call = request(`${far.client.origin}/replication/agent/in/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/zip', 'content-length': zip.length },
  }).on('error', () => undefined)
  call.write(zip.subarray(0, 3 * MiB))
  const temporary = (): number => readdirSync(join(packages, 'temporary')).length
  await until('it to come', async () => temporary() > 0)
  call.destroy()
  await until('it to be gone', async () => temporary() === 0)
  assert.deepEqual(unfinished(), [])
  for (const headers of [{ 'upload-offset': '1' }, { 'upload-complete': '?0' }]) {
    const answer = await far.client.post('/agent/in/import', {
      headers: { 'content-type': 'application/zip', ...headers },
      body: 'x',
    })
    assert.equal(answer.status, 400, answer.text)
  }
  assert.equal((await far.client.get('/agent/in/import')).status, 400)
})
