/** Packages that arrive broken, in part, twice, or not at all. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { until, type Call } from './client.ts'
import { multipart, type Part } from './multipart.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, treeOf } from './trees.ts'
import type { Accepted, Command, HistoryEntry, Package, Page, Problem } from './views.ts'

const folder = scratch()
const [source, target] = [join(folder, 'source'), join(folder, 'target')]
plant(source, { 'content/a.txt': 'a', 'content/large.bin': randomBytes(2 * 1024 * 1024) })

// The package is made elsewhere, so that the server under test has never seen it.
const maker = await Server.start()
await maker.client.agent({ name: 'make', source: { kind: 'directory', path: source } })
const made = await maker.client.fetch('POST', '/replication/agent/make/export', {
  json: { paths: ['/content'] },
  headers: { accept: 'application/zip' },
})
assert.equal(made.status, 200)
const zip = new Uint8Array(await made.arrayBuffer())

const server = await Server.start()
const { client } = server
await client.agent({ name: 'intake', targets: [{ name: 'default', kind: 'directory', path: target }] })
const imports = '/replication/agent/intake/import'
const raw = { 'content-type': 'application/zip' }
const file: Part = { name: 'package', content: zip, filename: 'p.zip', type: 'application/zip' }

/** Everything that the server keeps beside its state. */
function kept(): string[] {
  return readdirSync(server.dataDir, { recursive: true, encoding: 'utf8' })
    .filter((path) => !path.startsWith('state'))
    .toSorted()
}

afterEach(async () => {
  assert.ok(await server.isAlive(), server.output)
})

async function assertRefused(call: Call, status: number, code: string): Promise<void> {
  const before = { commands: await commands(), files: kept() }
  const answer = await client.call<Problem>('POST', imports, call)
  assert.deepEqual([answer.status, answer.body.code], [status, code], answer.text)
  assert.equal(await commands(), before.commands, 'nothing is queued')
  await until('what was received to be removed', async () => kept().join() === before.files.join())
}

async function commands(): Promise<number> {
  return (await client.get<Page<Command>>('/commands')).body.items.length
}

function flipped(at: number): Uint8Array {
  const copy = new Uint8Array(zip)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}

const broken = {
  'truncated in the middle': zip.slice(0, zip.length / 2),
  'truncated by its last byte': zip.slice(0, -1),
  'with a byte of its content changed': flipped(Math.floor(zip.length / 2)),
  'that is no zip': randomBytes(10_000),
  'that is text': 'hello',
  'that is empty': '',
}
for (const coding of ['gzip', 'deflate', 'gzip, identity'])
  test(`a package that is sent as ${coding} is refused with a word of why, unread`, async () => {
    const headers = { 'content-encoding': coding }
    const content = gzipSync(zip)
    await assertRefused({ body: content, headers: { ...raw, ...headers } }, 415, 'invalid')
    const { body: form, headers: type } = multipart({ ...file, content })
    const answer = await client.call<Problem>('POST', imports, {
      ...(form && { body: form }),
      headers: { ...type, ...headers },
    })
    assert.equal(answer.status, 415)
    assert.equal(answer.headers.get('accept-encoding'), 'identity')
    assert.match(answer.body.detail, /^Content-Encoding .* is not possible here; send the body as it is/)
  })

for (const [what, content] of Object.entries(broken)) {
  test(`a package ${what} is corrupt and leaves nothing behind`, async () => {
    await assertRefused({ body: content, headers: raw }, 422, 'corrupt')
    await assertRefused(multipart({ ...file, content }), 422, 'corrupt')
    assert.deepEqual(treeOf(target), new Map())
    assert.equal((await client.get<Page<Package>>('/packages')).body.items.length, 0)
  })
}

const misfits: Readonly<Record<string, readonly Part[]>> = {
  'no file part': [{ name: 'action', content: 'import' }],
  'two file parts': [file, { ...file, name: 'second' }],
  'a field that comes twice': [{ name: 'action', content: 'import' }, { name: 'action', content: 'import' }, file],
  'a package that is called otherwise': [{ name: 'package', content: 'other' }, file],
  'an unknown field': [{ name: 'colour', content: 'red' }, file],
  'a document that is broken': [{ name: 'document', content: '{"action":', type: 'application/json' }, file],
  'a document that is no object': [{ name: 'document', content: '[1]', type: 'application/json' }, file],
  'an action that is no import': [{ name: 'action', content: 'delete' }, file],
  'a path with ..': [{ name: 'paths', content: '/content/../x' }, file],
}
for (const [what, parts] of Object.entries(misfits))
  test(`a form with ${what} is invalid`, async () => {
    const before = await commands()
    const { status, body, text } = await client.call<Problem>('POST', imports, multipart(...parts))
    assert.deepEqual([status, body.code], [400, 'invalid'], text)
    assert.equal(await commands(), before)
  })

test('a zip that is no package of ours is refused', async () => {
  const content = Buffer.from(`PK\x05\x06${'\0'.repeat(18)}`, 'latin1')
  await assertRefused({ body: content, headers: raw }, 400, 'invalid')
  await assertRefused(multipart({ ...file, content }), 400, 'invalid')
})

test('a form that ends in the middle is a problem', async () => {
  const { body, headers } = multipart(file)
  const { status } = await client.call<Problem>('POST', imports, { body: body.slice(0, body.length / 2), headers })
  assert.ok(status === 400 || status === 422, `${status}`)
  assert.equal(await commands(), 0)
})

test('a media type that no import has is refused', async () => {
  const { status, body } = await client.call<Problem>('POST', imports, {
    body: zip,
    headers: { 'content-type': 'text/plain' },
  })
  assert.ok(status === 400 || status === 415)
  assert.equal(body.code, 'invalid')
})

test('a package that the server does not hold cannot be imported by its id', async () => {
  const json = { package: `sha256-${'0'.repeat(64)}` }
  const { status, body } = await client.call<Problem>('POST', imports, { json })
  assert.deepEqual([status, body.code], [404, 'missing'])
  for (const id of ['sha256-', '../../etc/passwd', '']) {
    const malformed = await client.call<Problem>('POST', imports, { json: { package: id } })
    assert.match(`${malformed.status} ${malformed.body.code}`, /^(400 invalid|404 missing)$/)
  }
})

test('connections cut in mid-body leave nothing behind', async () => {
  const before = kept()
  const { body, headers } = multipart(file)
  const uploads = [
    { type: raw['content-type'], content: zip },
    { type: headers['content-type'], content: body },
  ]
  for (const { type, content } of uploads)
    for (const part of [1, content.length >> 1, content.length - 1]) {
      const socket = connect(server.port, '127.0.0.1')
      socket.on('error', () => undefined)
      await new Promise<void>((fulfil) => {
        socket.write(
          `POST ${imports} HTTP/1.1\r\nhost: localhost\r\ncontent-type: ${type}\r\ncontent-length: ${content.length}\r\n\r\n`,
        )
        socket.write(content.slice(0, part), () => fulfil())
      })
      socket.resetAndDestroy()
    }
  await until('what was received to be removed', async () => kept().join() === before.join())
  assert.equal(await commands(), 0)
  assert.ok(await server.isAlive())
})

test('the same package uploaded twice is kept once and delivered twice', async () => {
  const ids: string[] = []
  for (let n = 0; n < 2; n++) {
    const { status, body, text } = await client.call<Accepted>('POST', imports, { body: zip, headers: raw })
    assert.equal(status, 202, text)
    ids.push(body.id)
  }
  const [first, second] = await Promise.all(ids.map((id) => client.finished(id)))
  assert.deepEqual([first?.state, second?.state], ['succeeded', 'succeeded'])
  assert.equal(first?.agents[0]?.package, second?.agents[0]?.package)
  assert.notEqual(first?.id, second?.id)
  assert.equal((await client.get<Page<Package>>('/packages')).body.items.length, 1)
  assertSameTree(target, source)
})

test('the same package uploaded many times at once is kept once', async () => {
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => client.call<Accepted>('POST', imports, { body: zip, headers: raw })),
  )
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]))
  for (const { body } of answers) assert.equal((await client.finished(body.id)).state, 'succeeded')
  assert.equal((await client.get<Page<Package>>('/packages')).body.items.length, 1)
  const { body: history } = await client.get<Page<HistoryEntry>>('/agent/intake/import/history')
  assert.equal(history.items.length, 8)
})

test('a package whose content lies outside the agent’s roots is refused', async () => {
  await client.agent({
    name: 'narrow',
    targets: [{ name: 'default', kind: 'directory', path: join(folder, 'narrow') }],
    roots: ['/elsewhere'],
  })
  const { status, body } = await client.post<Problem>('/agent/narrow/import', { body: zip, headers: raw })
  assert.deepEqual([status, body.code], [400, 'invalid'])
  assert.deepEqual(treeOf(join(folder, 'narrow')), new Map())
})
