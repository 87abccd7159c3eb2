/** New versions of a definition, beside resynchronising. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { scratch, Server } from './server.ts'
import type { Page } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

const source = `# The team's own
openapi: 3.1.0
info:
  title: Pets   # as sold
  version: 1.4.0 # bump me
paths:
  /pets: {get: {responses: {'200': {description: ok}}}}
`
const target = source.replace(
  'paths:',
  'x-policies: [quota] # ours\nservers: [{url: https://gateway.example/pets}]\npaths:',
)

interface Version {
  readonly path: string
  readonly version?: string
  readonly digest: string
  readonly bytes: number
}

async function agent(name: string, ends: object = {}): Promise<string> {
  const at = join(folder, name)
  mkdirSync(at)
  writeFileSync(join(at, 'source.yaml'), source)
  writeFileSync(join(at, 'target.yaml'), target)
  await client.agent({
    ...{ name, source: { kind: 'openapi', path: join(at, 'source.yaml') } },
    targets: [{ name: 'default', kind: 'openapi', path: join(at, 'target.yaml') }],
    ...ends,
  })
  return at
}

function make(name: string, json: object): ReturnType<typeof client.post<Version>> {
  return client.post<Version>(`/agent/${name}/versions`, { json })
}

async function refused(name: string, json: object, status: number, detail: RegExp): Promise<void> {
  const answer = await make(name, json)
  assert.equal(answer.status, status, answer.text)
  assert.match((answer.body as unknown as { detail: string }).detail, detail)
}

function digestOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('hex')}`
}

test("the source's definition is copied as it is, and the old one is left alone", async () => {
  const at = await agent('copied')
  chmodSync(join(at, 'source.yaml'), 0o640)
  const { status, body, text, headers } = await make('copied', { path: 'v2/pets.yaml' })
  assert.equal(status, 201, text)
  const path = join(at, 'v2/pets.yaml')
  assert.deepEqual(body, { path, digest: digestOf(source), bytes: Buffer.byteLength(source) })
  assert.equal(headers.get('location'), null)
  assert.equal(readFileSync(path, 'utf8'), source)
  assert.equal(statSync(path).mode & 0o777, 0o640)
  assert.equal(readFileSync(join(at, 'source.yaml'), 'utf8'), source)
  assert.deepEqual(readdirSync(join(at, 'v2')), ['pets.yaml'])
})

test('the copy has the version that was asked for, and its comments', async () => {
  const at = await agent('versioned')
  const { body } = await make('versioned', { path: 'pets-2.yaml', version: '2.0.0' })
  const copy = readFileSync(join(at, 'pets-2.yaml'), 'utf8')
  assert.equal(copy, source.replace('1.4.0', '2.0.0'))
  assert.deepEqual([body.version, body.digest], ['2.0.0', digestOf(copy)])
  await make('versioned', { path: 'pets-text.yaml', version: '2' })
  assert.match(readFileSync(join(at, 'pets-text.yaml'), 'utf8'), /version: ['"]2['"] # bump me/)
})

test("the target's definition is copied with its policies", async () => {
  const at = await agent('of-target')
  const path = join(at, 'elsewhere', 'v2.yaml')
  const { status } = await make('of-target', { path, of: 'target', version: '2.0.0' })
  assert.equal(status, 201)
  assert.equal(readFileSync(path, 'utf8'), target.replace('1.4.0', '2.0.0'))
  assert.equal(readFileSync(join(at, 'target.yaml'), 'utf8'), target)
  const { body } =
    await client.get<Page<{ message: string; actor: string; target: string; fields: object }>>('/agent/of-target/log')
  const line = body.items.find(({ message }) => message === 'new version made') ?? assert.fail('the log has no line')
  assert.deepEqual([line.actor, line.target], ['anonymous', 'default'])
  assert.deepEqual(line.fields, {
    ...{ of: 'target', path, version: '2.0.0' },
    ...{ digest: digestOf(readFileSync(path, 'utf8')), bytes: statSync(path).size },
  })
})

test('what is at the new place is never replaced', async () => {
  const at = await agent('taken')
  writeFileSync(join(at, 'there.yaml'), 'mine')
  mkdirSync(join(at, 'folder.yaml'))
  symlinkSync(join(at, 'there.yaml'), join(at, 'link.yaml'))
  for (const path of ['there.yaml', 'folder.yaml', 'link.yaml', 'source.yaml', './target.yaml'])
    for (const version of [undefined, '2'])
      await refused('taken', { path, ...(version !== undefined && { version }) }, 409, /already/)
  assert.equal(readFileSync(join(at, 'there.yaml'), 'utf8'), 'mine')
  assert.deepEqual(readdirSync(at).toSorted(), ['folder.yaml', 'link.yaml', 'source.yaml', 'target.yaml', 'there.yaml'])
})

test('of many who ask for the same place at once, one gets it', async () => {
  const at = await agent('crowd')
  const versions = Array.from({ length: 12 }, (_, i) => `2.0.${i}`)
  const answers = await Promise.all(versions.map((version) => make('crowd', { path: 'one.yaml', version })))
  const taken = answers.filter(({ status }) => status === 201)
  assert.equal(taken.length, 1)
  assert.ok(answers.every(({ status }) => status === 201 || status === 409))
  assert.equal(digestOf(readFileSync(join(at, 'one.yaml'), 'utf8')), taken[0]?.body.digest)
})

test('a kind that is no single document has no versions, and none is made of what is not there', async () => {
  const ends = (kind: string, name: string): object => ({ source: { kind, path: join(folder, `only-${name}`) } })
  await agent('folders', ends('directory', 'folders'))
  await refused('folders', { path: 'v2' }, 409, /kind directory/)
  await agent('sourceless', { source: undefined })
  await refused('sourceless', { path: 'v2.yaml' }, 409, /no source/)
  await agent('documents', ends('file', 'documents.yaml'))
  await refused('documents', { path: 'v2.yaml' }, 404, /no document/)
  writeFileSync(join(folder, 'only-documents.yaml'), 'id: a\ntype: b\n')
  await refused('documents', { path: 'v2.yaml', version: '2' }, 400, /no version/)
  assert.equal((await make('documents', { path: 'only-documents-2.yaml' })).status, 201)
  assert.equal(readFileSync(join(folder, 'only-documents-2.yaml'), 'utf8'), 'id: a\ntype: b\n')
})

test('a place that can be none, or is not ours to give, is refused', async () => {
  await agent('places')
  for (const path of ['', '.', '..', 'a/', 'https://x.example/v2.yaml', 'a\0b'])
    assert.equal((await make('places', { path })).status, 400, path)
  assert.equal(
    (
      await make('places', {
        path: join(server.environment['PACKAGES_DIR'] ?? join(server.dataDir, 'packages'), 'v2.yaml'),
      })
    ).status,
    400,
  )
  await refused('places', { path: 'v2.yaml', target: 'default' }, 400, /"of": "target"/)
  await refused('places', { path: 'v2.yaml', of: 'target', target: 'other' }, 404, /no target other/)
})

/** A service of plain documents, which may or may not know conditions. */
async function service(t: TestContext, { knowsConditions }: { knowsConditions: boolean }) {
  const documents = new Map<string, string>([['/v1/pets.yaml', source]])
  const puts: unknown[] = []
  const http = createServer((request, response) => {
    const path = request.url ?? ''
    const found = documents.get(path)
    if (request.method === 'GET') {
      response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/yaml' }).end(found)
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      puts.push(request.headers['if-none-match'])
      const isRefused = knowsConditions && found !== undefined
      if (!isRefused) documents.set(path, Buffer.concat(chunks).toString())
      response.writeHead(isRefused ? 412 : 201).end()
    })
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  t.after(() => http.close())
  return { documents, puts, origin: `http://127.0.0.1:${(http.address() as AddressInfo).port}` }
}

for (const knowsConditions of [true, false])
  test(`a version is made at a service that ${knowsConditions ? 'knows' : 'passes over'} conditions`, async (t) => {
    const { documents, puts, origin } = await service(t, { knowsConditions })
    const name = `service-${knowsConditions ? 'strict' : 'lax'}`
    await agent(name, { source: { kind: 'openapi', url: `${origin}/v1/pets.yaml` } })
    const { status, body, text } = await make(name, { path: '../v2/pets.yaml', version: '2.0.0' })
    assert.equal(status, 201, text)
    const copy = source.replace('1.4.0', '2.0.0')
    assert.deepEqual(documents.get('/v2/pets.yaml'), copy)
    assert.deepEqual(body, {
      ...{ path: `${origin}/v2/pets.yaml`, version: '2.0.0' },
      ...{ digest: digestOf(copy), bytes: Buffer.byteLength(copy) },
    })
    await refused(name, { path: `${origin}/v2/pets.yaml`, version: '3.0.0' }, 409, /already/)
    assert.deepEqual(documents.get('/v2/pets.yaml'), copy)
    assert.deepEqual(puts, ['*'])
    await refused(name, { path: 'https://elsewhere.example/pets.yaml' }, 400, /must be at/)
    assert.equal((await make(name, { path: 'pets-copy.yaml' })).status, 201)
    assert.equal(documents.get('/v1/pets-copy.yaml'), source)
  })
