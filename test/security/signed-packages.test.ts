/** What is imported where an agent demands signatures, and what is not. Three servers: one makes, one passes on, one receives. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pino } from 'pino'
import { defaultLimits } from '../../src/packages/limits.ts'
import { openPackage } from '../../src/packages/read.ts'
import { rewriteOrigin } from '../../src/packages/rewrite-origin.ts'
import { keyId, signed } from '../../src/packages/signatures.ts'
import { startServer, type Server } from '../../src/server.ts'
import { loadSettings } from '../../src/settings.ts'
import { Client, until } from '../end-to-end/client.ts'
import type { Command } from '../end-to-end/views.ts'
import { engineSettings } from '../home.ts'
import { changesOf, headerOf, never, origin } from '../packages/trees.ts'
import { writePackage } from '../../src/packages/write.ts'

const folder = mkdtempSync(join(tmpdir(), 'trebuchet-signed-'))
const servers: Server[] = []
after(async () => {
  for (const server of servers) await server.close()
  await rm(folder, { recursive: true, force: true })
})

function pair() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  return { privateKey, pem, publicPem: String(publicKey.export({ type: 'spki', format: 'pem' })), id: keyId(publicKey) }
}
const author = pair()
const relay = pair()
const stranger = pair()

async function serve(name: string, env: Record<string, string>): Promise<Client> {
  const place = mkdtempSync(join(folder, `${name}-`))
  const given = { PORT: '0', DATA_DIR: join(place, 'data'), CONFIG_DIR: place, ALLOWED_PATHS: folder }
  const server = await startServer(
    loadSettings({ ...given, ...engineSettings(place), ...env }),
    pino({ level: 'silent' }),
  )
  servers.push(server)
  return new Client(server.url, [])
}

const makes = await serve('author', { SIGNING_KEY: author.pem })
const passes = await serve('relay', { SIGNING_KEY: relay.pem, TRUSTED_KEYS: author.publicPem })
const takes = await serve('publish', { TRUSTED_KEYS: author.publicPem + relay.publicPem })

const target = (name: string): string => join(folder, 'targets', name)
const to = (name: string) => ({ kind: 'directory', path: target(name) })
const remote = (client: Client, agent: string) => ({ kind: 'remote', url: client.origin, agent })

let made = 0
/** A package that was made by hand, signed with these keys. */
async function packageBy(...keys: ReturnType<typeof pair>[]): Promise<Buffer> {
  const file = join(folder, `${made}.zip`)
  const tree = { '/content/a.txt': `version ${made++}` }
  const signing = keys.map(({ privateKey }) => privateKey)
  await writePackage(headerOf('/content'), changesOf(tree), { file, origin, signing, signal: never })
  return readFileSync(file)
}

const send = (client: Client, agent: string, zip: Buffer, headers: Record<string, string> = { prefer: 'wait=20' }) =>
  client.fetch('POST', `/replication/agent/${agent}/import`, {
    body: zip,
    headers: { 'content-type': 'application/zip', ...headers },
  })

async function detailOf(answer: Response, status: number): Promise<string> {
  const text = await answer.text()
  assert.equal(answer.status, status, text)
  return (JSON.parse(text) as { detail: string }).detail
}

test('forged: what is unsigned, or signed by others, is refused before anything is queued, however it comes', async () => {
  await takes.agent({ name: 'guarded', targets: [to('guarded')], import: { require: [author.id] } })
  await takes.agent({ name: 'open', targets: [to('open')] })
  const plain = await packageBy()
  const said = await detailOf(await send(takes, 'guarded', plain), 403)
  assert.match(said, new RegExp(`has none; missing: ${author.id}`))
  assert.match(
    await detailOf(await send(takes, 'guarded', await packageBy(stranger)), 403),
    new RegExp(`${stranger.id} \\(unknown here`),
  )
  const form = new FormData()
  form.set('package', new Blob([plain], { type: 'application/zip' }), 'p.zip')
  const sent = await fetch(`${takes.origin}/replication/agent/guarded/import`, { method: 'POST', body: form })
  await detailOf(sent, 403)
  // Whoever is not guarded takes it, and then it is here: by its id it is refused all the same.
  const all = await takes.fetch('POST', '/replication/all/import', {
    body: plain,
    query: { agents: 'guarded,open' },
    headers: { 'content-type': 'application/zip' },
  })
  const { id, statusList } = (await all.json()) as {
    id: string
    statusList: { status: string; error?: { code: string } }[]
  }
  assert.deepEqual(
    statusList.map(({ status, error }) => error?.code ?? status),
    ['forbidden', 'queued'],
  )
  const command = await takes.finished(id)
  const known = command.agents.find(({ agent }) => agent === 'open')?.package
  assert.ok(known, JSON.stringify(command))
  await detailOf(await takes.fetch('POST', '/replication/agent/guarded/import', { json: { package: known } }), 403)
  assert.ok(existsSync(join(target('open'), 'content/a.txt')))
  assert.ok(!existsSync(join(target('guarded'), 'content')))
  const queue = await takes.get<{ items: { size: number }[] }>('/agent/guarded/queues')
  assert.deepEqual(
    queue.body.items.map(({ size }) => size),
    [0],
  )
  const audit = await takes.get<{ items: { status: number; agents?: string[] }[] }>('/audit?agent=guarded')
  assert.ok(audit.body.items.filter(({ status }) => status === 403).length >= 4)
})

test('forged: a signature of another package, or under a trusted key’s name, counts for nothing', async () => {
  const naiveSigners = async (file: string): Promise<string[]> => {
    const pkg = await openPackage(file)
    await pkg.close()
    return (pkg.origin?.signatures ?? []).map(({ key }) => key)
  }
  await takes.agent({ name: 'forged', targets: [to('forged')], import: { require: [author.id] } })
  const plain = join(folder, 'plain.zip')
  writeFileSync(plain, await packageBy())
  const other = join(folder, 'other.zip')
  writeFileSync(other, await packageBy(author))
  const [is, signedOne] = await Promise.all([openPackage(plain), openPackage(other)])
  await Promise.all([is.close(), signedOne.close()])
  for (const signatures of [
    signedOne.origin?.signatures ?? [],
    signed(is.id, [stranger.privateKey]).map((one) => ({ ...one, key: author.id })),
  ]) {
    const file = join(folder, `forged-${made++}.zip`)
    await rewriteOrigin(plain, file, { ...origin, signatures }, defaultLimits)
    assert.deepEqual(await naiveSigners(file), [author.id], 'whoever only reads the names takes it')
    assert.match(await detailOf(await send(takes, 'forged', readFileSync(file)), 403), /\(not valid\)/)
  }
  assert.equal((await send(takes, 'forged', readFileSync(other))).status, 200)
})

test('forged: one key does not count twice, and n of m are n different ones', async () => {
  await takes.agent({
    ...{ name: 'several', targets: [to('several')] },
    import: { require: [author.id, relay.id, stranger.id], atLeast: 2 },
  })
  const zip = await packageBy(author, author)
  assert.match(await detailOf(await send(takes, 'several', zip), 403), /2 of its keys' signatures/)
  // The same content comes with the other signature: what is here has both then.
  const file = join(folder, 'twice.zip')
  writeFileSync(file, zip)
  const pkg = await openPackage(file)
  await pkg.close()
  const again = join(folder, 'again.zip')
  await rewriteOrigin(file, again, { ...origin, signatures: signed(pkg.id, [relay.privateKey]) }, defaultLimits)
  assert.equal((await send(takes, 'several', readFileSync(again))).status, 200)
  const view = await takes.get<{ signatures: object[] }>(`/packages/${pkg.id}`)
  assert.deepEqual(view.body.signatures, [
    { key: author.id, state: 'valid' },
    { key: relay.id, state: 'valid' },
  ])
})

test('a relay that demands signatures adds its own to what it passes on', async () => {
  const source = join(folder, 'source')
  mkdirSync(join(source, 'content'), { recursive: true })
  writeFileSync(join(source, 'content/page.html'), 'v1')
  await takes.agent({ name: 'both', targets: [to('both')], import: { require: [author.id, relay.id] } })
  await passes.agent({ name: 'on', targets: [remote(takes, 'both')], import: { require: [author.id] } })
  await makes.agent({ name: 'out', source: { kind: 'directory', path: source }, targets: [remote(passes, 'on')] })
  const command = await makes.deliver('out', { paths: ['/content'] })
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
  assert.equal(readFileSync(join(target('both'), 'content/page.html'), 'utf8'), 'v1')
})

test('forged: what an agent without demands takes gets no signature of the relay', async () => {
  await takes.agent({ name: 'relayed', targets: [to('relayed')], import: { require: [relay.id] } })
  await passes.agent({ name: 'lax', targets: [remote(takes, 'relayed')] })
  const { id } = (await (await send(passes, 'lax', await packageBy(stranger), {})).json()) as { id: string }
  const error = await until('the refusal', async () => {
    const command = await passes.command(id)
    return command.agents[0]?.targets[0]?.error
  })
  assert.equal(error.code, 'forbidden')
  assert.match(error.detail, new RegExp(`missing: ${relay.id}`))
  assert.ok(!existsSync(join(target('relayed'), 'content')))
})

test('forged: what waits when its agent begins to demand signatures is not applied', async () => {
  const config = { name: 'tightened', targets: [to('tightened')], queue: { backoff: { initialMs: 50, maxMs: 50 } } }
  await takes.agent(config)
  await takes.call('POST', '/replication/agent/tightened/pause')
  const accepted = await send(takes, 'tightened', await packageBy(stranger), {})
  const { id } = (await accepted.json()) as Command
  const patched = await takes.call('PATCH', '/replication/config/tightened', {
    body: JSON.stringify({ import: { require: [author.id] } }),
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  assert.equal(patched.status, 200, patched.text)
  await takes.call('POST', '/replication/agent/tightened/resume')
  const error = await until('the refusal', async () => (await takes.command(id)).agents[0]?.targets[0]?.error)
  assert.equal(error.code, 'forbidden')
  assert.ok(!existsSync(join(target('tightened'), 'content')))
})

test('forged: what is pulled from a passive queue is held to the same demands', async () => {
  await passes.agent({ name: 'offers', targets: [], passive: ['all'] })
  const draws = { source: { kind: 'pull', url: passes.origin, agent: 'offers', queue: 'all' }, targets: [to('drawn')] }
  await send(passes, 'offers', await packageBy(stranger), {})
  await takes.agent({ name: 'draws', ...draws, import: { require: [relay.id] } })
  const reason = await until('the refusal', async () => {
    const { body } = await takes.get<{ reason?: string }>('/agent/draws')
    return JSON.stringify(body).includes('missing: ') && JSON.stringify(body)
  })
  assert.ok(reason.includes(relay.id))
  assert.ok(!existsSync(join(target('drawn'), 'content')))
})
