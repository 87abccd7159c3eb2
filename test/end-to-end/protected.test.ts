/** Servers that ask who calls. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { trebuchet } from '../cli/program.ts'
import { until } from './client.ts'
import { Server } from './server.ts'

const adminToken = 'an-admin-token-of-tests'

async function givenServer(): Promise<Server> {
  const server = await Server.prepare({ env: { ADMIN_TOKEN: adminToken } })
  server.client.token = adminToken
  await server.launch()
  return server
}

async function tokenOf(
  server: Server,
  name: string,
  agents: string,
  ...can: string[]
): Promise<{ id: string; secret: string }> {
  const json = { name, rights: [{ agents: [agents], can }] }
  const { status, body, text } = await server.client.post<{ id: string; secret: string }>('/tokens', { json })
  assert.equal(status, 201, text)
  return body
}

// Before any test: the runner would take the end of the first ones for the end of all.
const [author, publish] = [await givenServer(), await givenServer()]
const source = join(author.folder, 'source')
mkdirSync(join(source, 'content'), { recursive: true })
writeFileSync(join(source, 'content/a.txt'), 'a')

test('who can be reached by others and asks nobody does not start, and says the way out in one line', async () => {
  for (const host of ['0.0.0.0', '::']) {
    const server = await Server.prepare({ env: { HOST: host } })
    server.spawn()
    assert.deepEqual(await server.death(), { code: 1, signal: null })
    assert.match(server.output, /^trebuchet: HOST is \S+, and without credentials .*ADMIN_TOKEN_FILE.*\n$/)
  }
})

test('a delivery and a pull go from one protected server to another, with tokens that can do nothing else', async () => {
  const importer = await tokenOf(publish, 'author', 'incoming', 'import')
  const puller = await tokenOf(author, 'publish', 'far', 'operate')
  await publish.client.agent({ name: 'incoming', targets: [{ kind: 'directory', path: join(publish.folder, 'site') }] })
  await author.client.agent({
    name: 'far',
    source: { kind: 'directory', path: source },
    targets: [{ kind: 'remote', url: publish.client.origin, agent: 'incoming', token: importer.secret }],
    passive: ['dmz'],
  })
  await author.client.deliver('far', { action: 'test', paths: ['/content'] })
  const id = await author.client.send('far', { paths: ['/content'] })
  await until(
    'the file to arrive',
    async () => readFileSync(join(publish.folder, 'site/content/a.txt'), 'utf8') === 'a',
  )
  const { body: far } = await publish.client.get<{ items: { actor: string }[] }>('/agent/incoming/import/history')
  assert.deepEqual(
    far.items.map(({ actor }) => actor),
    ['author'],
  )
  await publish.client.agent({
    name: 'taking',
    source: { kind: 'pull', url: author.client.origin, agent: 'far', queue: 'dmz', token: puller.secret },
    targets: [{ kind: 'directory', path: join(publish.folder, 'pulled') }],
  })
  await until(
    'the file to be pulled',
    async () => readFileSync(join(publish.folder, 'pulled/content/a.txt'), 'utf8') === 'a',
  )
  await author.client.finished(id)
  publish.client.token = importer.secret
  assert.equal((await publish.client.get('/agent/taking')).status, 404)
  assert.equal((await publish.client.post('/agent/incoming/pause')).status, 403)
  publish.client.token = adminToken
})

test('a delivery whose token was revoked waits, and says that its token is wrong', async () => {
  const { id, secret } = await tokenOf(publish, 'soon-gone', 'incoming', 'import')
  const target = { kind: 'remote', url: publish.client.origin, agent: 'incoming', token: secret }
  await author.client.agent({ name: 'cut', source: { kind: 'directory', path: source }, targets: [target] })
  await author.client.deliver('cut', { paths: ['/content'] })
  assert.equal((await publish.client.call('DELETE', `/replication/tokens/${id}`)).status, 204)
  await author.client.send('cut', { paths: ['/content'] })
  await until('the agent to have failed', async () => {
    const { body } = await author.client.get<{ state: string; reason?: string }>('/agent/cut')
    return body.state === 'failed' && /token/.test(body.reason ?? '')
  })
})

test('what one token asks for another one has to approve, and both are in the history and the audit', async () => {
  const [mine, yours] = [
    await tokenOf(author, 'asking', 'four-eyes', 'compare', 'resync', 'approve'),
    await tokenOf(author, 'agreeing', 'four-eyes', 'approve'),
  ]
  const target = join(author.folder, 'approved')
  mkdirSync(target)
  await author.client.agent({
    ...{ name: 'four-eyes', approval: true },
    source: { kind: 'directory', path: source },
    targets: [{ kind: 'directory', path: target }],
  })
  const as = async <B>(token: string, path: string, json?: object): Promise<{ status: number; body: B }> => {
    author.client.token = token
    try {
      return await author.client.post<B>(path, json === undefined ? {} : { json })
    } finally {
      author.client.token = adminToken
    }
  }
  const compared = await as<{ id: string }>(mine.secret, '/agent/four-eyes/compare', {})
  assert.equal(compared.status, 201)
  const apply = `/comparisons/${compared.body.id}/apply`
  assert.equal((await as(yours.secret, apply, { preset: 'complete' })).status, 403, 'it may only approve')
  const { status, body } = await as<{ id: string }>(mine.secret, apply, { preset: 'complete' })
  assert.equal(status, 202, JSON.stringify(body))
  const approve = `/commands/${body.id}/approve`
  assert.equal((await as(mine.secret, approve)).status, 403, 'never to what one has asked for oneself')
  assert.deepEqual(readdirSync(target), [])
  assert.equal((await as(yours.secret, approve)).status, 200)
  await author.client.finished(body.id)
  assert.equal(readFileSync(join(target, 'content/a.txt'), 'utf8'), 'a')
  const { body: command } = await author.client.get<{ actor: string; approval: { by: string } }>(`/commands/${body.id}`)
  assert.deepEqual([command.actor, command.approval.by], ['asking', 'agreeing'])
  const { body: audit } = await author.client.get<{ items: { actor: string; operation: string; status: number }[] }>(
    '/audit?agent=four-eyes',
  )
  const said = audit.items.map(({ actor, operation, status: code }) => `${actor} ${operation} ${code}`)
  for (const line of ['agreeing approveCommand 200', 'asking approveCommand 403', 'asking applyComparison 202'])
    assert.ok(said.includes(line), `${line} is not in\n${said.join('\n')}`)
})

test('an agent is followed by others whose names no event tells', async () => {
  const { secret } = await tokenOf(author, 'of-the-first', 'first', 'replicate')
  const folder = { kind: 'directory', path: source }
  const to = (name: string): { kind: string; path: string }[] => [
    { kind: 'directory', path: join(author.folder, name) },
  ]
  await author.client.agent({ name: 'first', source: folder, targets: to('first') })
  await author.client.agent({
    ...{ name: 'behind', source: folder, targets: to('behind') },
    triggers: [{ kind: 'after', agent: 'first' }],
  })
  const reading = await fetch(`${author.client.origin}/replication/events`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  let text = ''
  const reader = reading.body?.getReader()
  await author.client.send('first', { paths: ['/content'] })
  while (!text.includes('event: command.finished')) text += Buffer.from((await reader?.read())?.value ?? []).toString()
  await reader?.cancel()
  assert.ok(!text.includes('behind'), text)
  await until('the other to follow', async () => {
    const { body } = await author.client.get<{ items: unknown[] }>('/agent/behind/replicate/history')
    return body.items.length > 0
  })
})

test('the stream of events shows what its token sees, and ends when that is revoked', async () => {
  const { id, secret } = await tokenOf(author, 'viewer', 'seen', 'read')
  const reading = await fetch(`${author.client.origin}/replication/events`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  assert.equal(reading.status, 200)
  for (const name of ['hidden', 'seen']) await author.client.agent({ name, passive: ['q'] })
  let text = ''
  const ended = (async () => {
    for await (const chunk of reading.body ?? []) text += Buffer.from(chunk).toString()
  })().catch(() => undefined)
  await until('the event', async () => text.includes('"agent":"seen"'))
  assert.ok(!text.includes('hidden'))
  await author.client.call('DELETE', `/replication/tokens/${id}`)
  await ended
})

test('tokens are made, listed, rotated and revoked on the command line', async () => {
  const run = (args: string[], token = adminToken): ReturnType<typeof trebuchet> =>
    trebuchet(author.folder, args, { env: { TREBUCHET_SERVER: author.client.origin, TREBUCHET_TOKEN: token } })
  const made = await run([
    'token',
    'create',
    'ci',
    '--grant',
    'se*:replicate',
    '--grant',
    'far:read',
    '--expires-in',
    '1d',
  ])
  assert.equal(made.code, 0, made.stderr)
  const secret = made.stdout.trim()
  assert.match(secret, /^trb_/)
  const agents = await run(['agent', 'list'], secret)
  assert.match(agents.stdout, /far[^]*seen/)
  assert.doesNotMatch(agents.stdout, /hidden/)
  const listed = await run(['token', 'list'])
  const [, id = ''] = /(\S+) +ci .*se\*:replicate far:read/.exec(listed.stdout) ?? []
  assert.match(id, /^[0-9A-Z]{26}$/, listed.stdout)
  const rotated = await run(['token', 'rotate', id])
  assert.equal(rotated.code, 0, rotated.stderr)
  assert.equal((await run(['agent', 'list'], secret)).code, 1)
  assert.equal((await run(['agent', 'list'], rotated.stdout.trim())).code, 0)
  assert.equal((await run(['token', 'revoke', id], rotated.stdout.trim())).code, 1, 'it may not')
  assert.equal((await run(['token', 'revoke', id])).code, 0)
  assert.equal((await run(['agent', 'list'], rotated.stdout.trim())).code, 1)
})
