import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { AddressInfo } from 'node:net'
import { until } from '../end-to-end/client.ts'
import type { Command, Item, Package } from '../end-to-end/views.ts'
import { OnServer } from './on-server.ts'

const given = await OnServer.start()
const { client } = given.server

const inTarget = (file: string): string => join(given.folder, 'target', file)

test('replicate says what came of it, in words and by its exit status', async () => {
  const text = await given.says(0, 'replicate', '--agent', 'site', '--wait', '/content')
  assert.match(text, /replicate add: succeeded/)
  assert.match(text, /site +here +delivered/)
  assert.equal(readFileSync(inTarget('content/a.txt'), 'utf8'), 'a')
  assert.match(await given.says(1, 'replicate', '--agent', 'site', '--wait', '/nothing'), /missing: /)
  await given.says(0, 'queue', 'pause', 'site', 'here', '--reason', 'a test')
  const late = await given.run([
    'replicate',
    '--agent',
    'site',
    '--wait',
    '--timeout',
    '1',
    '--output',
    'json',
    '/content',
  ])
  assert.equal(late.code, 124, late.stderr)
  const { id, state } = JSON.parse(late.stdout) as Command
  assert.match(late.stderr, new RegExp(`command ${id} has not ended in time`))
  assert.ok(['queued', 'running'].includes(state), state)
  assert.match(await given.says(1, 'command', 'cancel', id, '--wait', '--reason', 'enough'), /cancelled/)
  await given.says(0, 'queue', 'resume', 'site', 'here')
})

test('what fails for some targets only ends with 4', async () => {
  await client.agent({
    name: 'half',
    source: { kind: 'directory', path: join(given.folder, 'source') },
    targets: [
      { name: 'good', kind: 'directory', path: join(given.folder, 'good') },
      { name: 'bad', kind: 'remote', url: 'http://127.0.0.1:9', agent: 'x' },
    ],
    queue: { onFailure: 'error-queue', attempts: 1 },
  })
  const text = await given.says(4, 'replicate', '--agent', 'half', '--wait', '/content')
  assert.match(text, /half +good +delivered/)
  assert.match(text, /half +bad +failed .*unavailable/)
  const items = JSON.parse(await given.says(0, 'queue', 'items', 'half', 'error-bad', '--output', 'json')) as Item[]
  assert.equal(items.length, 1)
  await given.says(0, 'queue', 'pause', 'half', 'bad')
  await given.says(0, 'queue', 'move', 'half', 'error-bad', items[0]?.id ?? '', '--to', 'bad')
  assert.match(await given.says(0, 'queue', 'items', 'half', 'bad'), new RegExp(`${items[0]?.id} +waiting`))
  await given.says(2, 'queue', 'skip', 'half', 'bad', items[0]?.id ?? '')
  await given.says(0, 'queue', 'skip', 'half', 'bad', items[0]?.id ?? '', '--reason', 'obsolete')
  assert.equal(await given.says(0, 'queue', 'items', 'half', 'bad'), '')
  await given.says(4, 'replicate', '--agent', 'site', '--agent', 'nobody', '--wait', '/content')
})

test('a problem is one line with its code and what its log can be searched for', async () => {
  const { code, stdout, stderr } = await given.run(['replicate', '--agent', 'nobody', '/content'])
  assert.deepEqual([code, stdout], [1, ''])
  assert.match(stderr, /^trebuchet: POST .*: no agent is named nobody \(missing, request [0-9A-Z]+\)\n$/)
  const wrong = await given.run(['replicate', '--agent', 'site', 'content'])
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /must begin with a slash.*\(invalid, request/)
  for (const args of [
    ['replicate', '/content'],
    ['replicate', '--agent', 'site'],
    ['agent', 'list', '--output', 'xml'],
    ['agent', 'list', '--server', 'ftp://x'],
    ['agent', 'list', '--token-env', 'NOT_SET'],
    ['agent', 'list', '--server', 'http://user:secret@127.0.0.1'],
  ])
    await given.says(2, ...args)
})

test('packages are exported to a file, looked at, imported and deleted', async () => {
  const file = join(given.folder, 'content.zip')
  await given.says(0, 'export', '--agent', 'site', '--to', file, '/content')
  rmSync(inTarget('content'), { recursive: true, force: true })
  await given.says(0, 'import', '--agent', 'site', '--wait', file)
  assert.ok(existsSync(inTarget('content/a.txt')))
  rmSync(inTarget('content'), { recursive: true, force: true })
  const piped = await given.run(['import', '--agent', 'site', '--wait', '-'], { input: readFileSync(file) })
  assert.equal(piped.code, 0, piped.stderr)
  assert.ok(existsSync(inTarget('content/a.txt')))
  const packages = (await given.says(0, 'package', 'list', '--output', 'ndjson'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Package)
  const id = packages[0]?.id ?? ''
  assert.match(await given.says(0, 'package', 'get', id), /entries: 2/)
  await given.says(0, 'package', 'download', id, 'again.zip')
  assert.ok(readFileSync(join(given.folder, 'again.zip')).equals(readFileSync(file)))
  await given.says(0, 'import', '--agent', 'site', '--wait', id)
  await given.says(1, 'package', 'get', 'sha256-0')
  await given.says(1, 'import', '--agent', 'site', join(given.folder, 'none.zip'))
})

test('lists are tables for people, one array, or a line for each', async () => {
  await given.says(0, 'replicate', '--agent', 'site', '--wait', '/content/a.txt')
  const [head = '', first = ''] = (await given.says(0, 'history', 'site', '--path', '/content/a.txt')).split('\n')
  assert.match(head, /^ID +CREATED +ACTION +STATUS/)
  assert.match(first, /add +succeeded .* \/content\/a\.txt$/)
  const all = JSON.parse(await given.says(0, 'command', 'list', '--output', 'json', '--limit', '2')) as Command[]
  assert.equal(all.length, 2)
  const agents = (await given.says(0, 'agent', 'list', '--output', 'ndjson')).trim().split('\n')
  assert.ok(agents.map((line) => (JSON.parse(line) as { name: string }).name).includes('site'))
  assert.match(await given.says(0, 'queue', 'list', 'site'), /^QUEUE +STATE .*\nhere +idle/)
  await given.says(0, 'command', 'get', all[0]?.id ?? '')
})

/** Hands everything on to the server, after `meddle` has seen it; answers its own address. */
async function between(t: TestContext, meddle: (from: IncomingMessage) => 'pass' | 'lose' | 'refuse'): Promise<string> {
  const proxy = createServer((from, to) => {
    const verdict = meddle(from)
    if (verdict === 'refuse') {
      to.writeHead(503, { 'retry-after': '0' }).end()
      return
    }
    const onward = httpRequest(
      new URL(from.url ?? '/', client.origin),
      { method: from.method, headers: from.headers },
      (answer) => {
        // The server has done it, and whoever asked does not hear of it.
        if (verdict === 'lose') return void answer.resume().on('end', () => to.destroy())
        to.writeHead(answer.statusCode ?? 500, answer.headers)
        answer.pipe(to)
      },
    )
    from.pipe(onward)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.after(() => proxy.close())
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

test('a call whose answer is lost is made once, however often it is sent', async (t) => {
  const keys: unknown[] = []
  const origin = await between(t, ({ method, headers }) => {
    if (method !== 'POST') return 'pass'
    keys.push(headers['idempotency-key'])
    return (['refuse', 'lose', 'pass'] as const)[keys.length - 1] ?? 'pass'
  })
  const before = (await client.get<{ items: Command[] }>('/commands?limit=500')).body.items.length
  const { code, stderr } = await given.run(['replicate', '--agent', 'site', '--wait', '/content'], {
    env: { TREBUCHET_SERVER: origin },
  })
  assert.equal(code, 0, stderr)
  assert.match(stderr, /trying again/)
  assert.equal(keys.length, 3)
  assert.equal(new Set(keys).size, 1)
  assert.equal(typeof keys[0], 'string')
  const after = (await client.get<{ items: Command[] }>('/commands?limit=500')).body.items.length
  assert.equal(after, before + 1)
})

test('the token comes from the environment, and goes to the server', async (t) => {
  const seen: unknown[] = []
  const origin = await between(t, ({ headers }) => {
    seen.push(headers.authorization)
    return 'pass'
  })
  const args = ['agent', 'list', '--server', origin]
  await given.run(args, { env: { TREBUCHET_TOKEN: 'usual' } })
  await given.run([...args, '--token-env', 'MINE'], { env: { MINE: 'own' } })
  await given.run(args)
  assert.deepEqual(seen, ['Bearer usual', 'Bearer own', undefined])
})

test('watch tells what happens, over a restart of the server, without gap or repeat', async () => {
  const program = given.begin(['watch', '--agent', 'site', '--type', 'command.finished', '--output', 'ndjson'])
  let [out, said] = ['', '']
  program.child.stdout?.on('data', (text: string) => (out += text))
  program.child.stderr?.on('data', (text: string) => (said += text))
  await until('watching', async () => said.includes('watching'))
  const told = (): string[] =>
    out
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as { command: string }).command)
  const ids = [(await client.deliver('site', { paths: ['/content'] })).id]
  await until('the first event', async () => told().length === 1)
  await given.server.restart()
  ids.push((await client.deliver('site', { paths: ['/content'] })).id)
  ids.push((await client.deliver('site', { paths: ['/content'] })).id)
  await until('three events', async () => told().length >= 3)
  program.child.kill('SIGINT')
  assert.equal((await program.ended()).code, 130)
  assert.deepEqual(told(), ids)
})
