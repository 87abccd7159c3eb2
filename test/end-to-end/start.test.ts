/** How the server begins and ends. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { embeddedOnly } from '../home.ts'
import { until } from './client.ts'
import { built, repository, scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'
import type { AgentView, Config, Page } from './views.ts'

const run = promisify(execFile)
const bare = { PATH: process.env['PATH'], HOME: process.env['HOME'] }

/** What an installation has, in a folder of its own. */
function installation(): string {
  const folder = scratch()
  for (const part of ['package.json', 'config', 'examples'])
    cpSync(join(repository, part), join(folder, part), { recursive: true })
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'))
  symlinkSync(built, join(folder, 'dist'))
  return folder
}

interface Npm {
  readonly origin: string
  readonly output: () => string
  readonly ready: () => Promise<boolean>
  /** Sends the signal to npm, or to all that its terminal knows, and waits for npm alone. */
  readonly end: (signal: NodeJS.Signals, to: 'npm' | 'terminal') => Promise<[number | null, NodeJS.Signals | null]>
}

async function npmStart(folder: string): Promise<Npm> {
  const { port } = await Server.prepare()
  const env = { ...bare, PORT: String(port), npm_config_update_notifier: 'false' }
  const npm = spawn('npm', ['start'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const gone = new Promise<[number | null, NodeJS.Signals | null]>((fulfil) => {
    npm.on('exit', (code, signal) => fulfil([code, signal]))
  })
  const group = -(npm.pid ?? 0)
  after(() => {
    try {
      process.kill(group, 'SIGKILL')
    } catch {
      // Then the whole group has ended, as it should.
    }
  })
  let output = ''
  for (const stream of [npm.stdout, npm.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const origin = `http://127.0.0.1:${port}`
  const ready = async (): Promise<boolean> => (await fetch(`${origin}/health/ready`)).ok
  await until('the server to be ready, or gone', async () => npm.exitCode !== null || ready())
  assert.equal(npm.exitCode, null, output)
  return {
    origin,
    output: () => output,
    ready,
    end: (signal, to) => {
      process.kill(to === 'npm' ? -group : group, signal)
      return gone
    },
  }
}

test('npm start says what to try next, that works, and SIGTERM ends the server first and then npm', async () => {
  const folder = installation()
  const npm = await npmStart(folder)
  const line = await until('the line to try next', async () => /^\s*(curl .*)$/m.exec(npm.output())?.[1])
  const { stdout } = await run('sh', ['-c', line], { cwd: folder, env: bare })
  assert.match(stdout, /"succeeded"/, `${line} answered ${stdout}`)
  for (const name of ['publish1', 'publish2']) assertSameTree(join(folder, 'published', name), join(folder, 'examples'))
  const exit = await npm.end('SIGTERM', 'npm')
  await assertEnded(npm, exit)
})

test('Ctrl-C, which reaches npm and the server and is passed on too, ends both in order', async () => {
  const npm = await npmStart(installation())
  const exit = await npm.end('SIGINT', 'terminal')
  await assertEnded(npm, exit)
})

async function assertEnded(npm: Npm, exit: [number | null, NodeJS.Signals | null]): Promise<void> {
  await assert.rejects(npm.ready(), 'the server outlived npm')
  assert.deepEqual(exit, [0, null], npm.output())
  assert.match(npm.output(), /closed/, 'it was cut short')
}

test('a second server on the same DATA_DIR stops and says why', embeddedOnly, async () => {
  const first = await Server.start()
  const second = await Server.prepare({ env: { DATA_DIR: first.dataDir } })
  second.spawn()
  const { code } = await second.ended()
  assert.notEqual(code, 0)
  assert.ok(second.output.includes(first.dataDir), second.output)
  assert.match(second.output, /in use|another|already|lock/i)
  assert.doesNotMatch(second.output, /^\s+at /m, 'a message, not a stack trace')
  assert.ok(await first.isAlive())
  await first.crash()
  await second.launch()
})

const bad = { PORT: 'eighty', LOG_LEVEL: 'loud', PUBLIC_URL: 'not a url', MAX_UPLOAD_BYTES: '-1' }
test('a setting that cannot be used stops the start with one line that names it', async () => {
  await Promise.all(
    Object.entries(bad).map(async ([name, value]) => {
      const server = await Server.prepare({ env: { [name]: value } })
      server.spawn()
      const { code } = await server.ended()
      assert.notEqual(code, 0)
      assert.equal(server.output.trim().split('\n').length, 1, server.output)
      assert.match(server.output, new RegExp(`\\b${name}\\b`))
    }),
  )
})

test('a port that is taken stops the start and is named', async () => {
  const first = await Server.start()
  const second = await Server.prepare({ env: { PORT: String(first.port) } })
  second.spawn()
  assert.notEqual((await second.ended()).code, 0)
  assert.match(second.output, /^trebuchet: .*PORT.*in use/)
})

test('agents from CONFIG_DIR are created once; a deleted one stays deleted', async () => {
  const server = await Server.start({ agents: [{ name: 'first' }, { name: 'second' }] })
  const { client, folder } = server
  const names = async (): Promise<string[]> =>
    (await client.get<Page<AgentView>>('/agent')).body.items.map(({ name }) => name)
  assert.deepEqual(await names(), ['first', 'second'])
  assert.equal((await client.call('DELETE', '/replication/config/first')).status, 204)
  const patched = await client.call('PATCH', '/replication/config/second', {
    json: { title: 'changed over REST' },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  assert.equal(patched.status, 200, patched.text)
  writeFileSync(join(folder, 'config/agents/third.json'), '{ "name": "third" }')
  await server.restart()
  assert.deepEqual(await names(), ['second', 'third'])
  const { body } = await client.get<Config>('/config/second')
  assert.equal(body['title'], 'changed over REST')
})

test('an agent file that is no config stops the start and is named', async () => {
  const server = await Server.prepare()
  plant(server.folder, { 'config/agents/broken.json': '{ "name": "broken", "colour": 1 }' })
  server.spawn()
  assert.notEqual((await server.ended()).code, 0)
  assert.match(server.output, /broken\.json/)
  assert.match(server.output, /colour/)
})

test('without any CONFIG_DIR the server starts', async () => {
  const server = await Server.prepare({ env: { CONFIG_DIR: join(scratch(), 'not-there') } })
  await server.launch()
  assert.equal((await server.client.get<Page<AgentView>>('/agent')).body.items.length, 0)
})

test('health, metrics and the OpenAPI document stand outside the prefixes', async () => {
  const { client, folder } = await Server.start()
  mkdirSync(join(folder, 'source'))
  plant(folder, { 'source/a.txt': 'a' })
  await client.agent({
    name: 'publish',
    source: { kind: 'directory', path: join(folder, 'source') },
    targets: [{ name: 'default', kind: 'directory', path: join(folder, 'target') }],
  })
  await client.deliver('publish', { paths: ['/a.txt'] })
  for (const path of ['/health/live', '/health/ready']) assert.equal((await client.call('GET', path)).status, 200)
  const { body: metrics } = await client.call<string>('GET', '/metrics')
  assert.match(metrics, /agent="publish"/)
  assert.match(metrics, /^[a-z_]+\{[^}]*target="default"[^}]*\} 1$/m)
  const { body: document } = await client.call<{ openapi: string; paths: Record<string, unknown> }>(
    'GET',
    '/openapi.json',
  )
  assert.match(document.openapi, /^3\.1\./)
  const paths = Object.keys(document.paths)
  for (const path of [
    '/replication/agent/{name}/replicate',
    '/replication/config/{name}',
    '/replication/commands/{id}',
  ])
    assert.ok(paths.includes(path), `${path} is not among ${paths.join(', ')}`)
})
