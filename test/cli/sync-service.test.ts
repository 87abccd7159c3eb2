import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { until } from '../end-to-end/client.ts'
import { Service } from './service.ts'
import { documents, SyncRun } from './sync-run.ts'

const cli = resolve(import.meta.dirname, '../../src/cli/main.js')
const noScript = spawnSync('script', ['--version']).error === undefined ? false : 'there is no program script here'

test('a service is read and written, and the second time there is nothing to do', async (t) => {
  const [run, one, two] = [new SyncRun(t), await Service.start(t), await Service.start(t)]
  one.put('foo', '1', { big: 1.5 })
  one.put('foo', '2')
  assert.match(await run.says(0, `${one.origin}/api/foo`, 'd'), /HTTPEndpoint\('http:.*2 created/s)
  assert.deepEqual(Object.keys(run.tree('d')), ['foo/1.yaml', 'foo/2.yaml'])
  assert.match(await run.says(0, 'd', `${two.origin}/api/foo`), /2 created\n$/)
  assert.deepEqual(two.held, one.held)
  const { length } = two.writes
  assert.match(await run.says(0, 'd', `${two.origin}/api/foo`), /2 unchanged\n$/)
  assert.match(await run.says(0, `${one.origin}/api/foo`, 'd'), /2 unchanged\n$/)
  assert.equal(two.writes.length, length)
  assert.equal(
    await run.prints(0, 'd', `${two.origin}/api/foo`, '--diff'),
    '0 added, 0 changed, 0 removed, 2 the same\n',
  )
  one.put('foo', '2', { x: 1 })
  assert.match(
    await run.prints(2, `${one.origin}/api/foo`, `${two.origin}/api/foo`, '--diff'),
    /~ foo\/2\n(?: {4}.*\n)* {4}\+x: 1\n/,
  )
  assert.equal(two.writes.length, length)
})

test('told to, it names what it fetches and what becomes of each, on standard error', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  service.put('foo', '1')
  const from = `${service.origin}/api/foo`
  const { stdout, stderr } = await run.ends(0, from, '-', '-v')
  assert.match(stdout, /^---\n/)
  assert.ok(stderr.includes(`Fetching resource(s) from: ${from}\n`), stderr)
  assert.match(await run.says(0, from, 'd', '-v'), /foo\/1: created\n/)
  assert.doesNotMatch(await run.says(0, from, 'd'), /Fetching/)
})

test('of a service, too, only what was agreed to is deleted', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  for (const id of ['1', '2', '3', '4']) service.put('foo', id)
  run.write('a.yaml', documents({ 'foo/1': {} }))
  const to = `${service.origin}/api/foo`
  assert.match(await run.says(0, 'a.yaml', to, '--rm'), /1 unchanged/)
  assert.match(await run.says(1, 'a.yaml', to, '--delete'), /guard/)
  assert.match(await run.prints(0, 'a.yaml', to, '--delete', '--dry-run'), /^- foo\/2\n- foo\/3\n- foo\/4\n/)
  assert.deepEqual(service.writes, [])
  assert.match(await run.says(0, 'a.yaml', to, '--delete', '--max-delete', '3'), /3 deleted, 1 unchanged/)
  assert.deepEqual([...service.held.keys()], ['/api/foo/1'])
})

test('what fails is named, the rest is told truthfully, and it ends with 4', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  run.write('a.yaml', documents({ 'foo/1': {}, 'foo/2': {}, 'foo/3': {} }))
  service.refuses = (path) => (path === '/api/foo/2' ? 422 : undefined)
  const { stdout, stderr } = await run.ends(
    4,
    'a.yaml',
    `${service.origin}/api/foo`,
    '--continue-on-error',
    '--output',
    'json',
  )
  assert.match(stderr, /trebuchet: foo\/2: failed: .*422/)
  assert.match(stderr, /2 created, 1 failed; the rest is as it was\n$/)
  const { results, summary } = JSON.parse(stdout) as {
    results: { path: string; outcome: string }[]
    summary: Record<string, number>
  }
  assert.deepEqual(Object.fromEntries(results.map(({ path, outcome }) => [path, outcome])), {
    '/foo/1': 'created',
    '/foo/2': 'failed',
    '/foo/3': 'created',
  })
  assert.deepEqual([summary['resources'], summary['created'], summary['failed']], [3, 2, 1])
  assert.deepEqual([...service.held.keys()].toSorted(), ['/api/foo/1', '/api/foo/3'])
  service.held.clear()
  service.refuses = () => 422
  const all = await run.says(1, 'a.yaml', `${service.origin}/api/foo`, '--continue-on-error')
  assert.match(all, /3 failed|nothing was written/)
})

test('passwords and tokens come from the environment, and go to the servers that are named', async (t) => {
  const [run, one, two] = [new SyncRun(t), await Service.start(t), await Service.start(t)]
  one.put('foo', '1')
  const from = `${one.origin}/api/foo`
  const basic = await run.run([from, 'null', '--username', 'me', '--password-env', 'PW'], { env: { PW: 'secret' } })
  assert.equal(basic.code, 0, basic.stderr)
  assert.equal(one.requests.at(-1)?.authorization, `Basic ${Buffer.from('me:secret').toString('base64')}`)
  const args = [from, `${two.origin}/api/foo`, '--token-env', `${one.origin}=A`, '--token-env', `${two.origin}=B`]
  const tokens = await run.run(args, { env: { A: 'for-one', B: 'for-two' } })
  assert.equal(tokens.code, 0, tokens.stderr)
  assert.equal(one.requests.at(-1)?.authorization, 'Bearer for-one')
  assert.deepEqual(new Set(two.requests.map(({ authorization }) => authorization)), new Set(['Bearer for-two']))
  await run.says(0, from, 'null', '--header', 'X-Tenant: acme', '-l', '7')
  assert.equal(one.requests.at(-1)?.headers['x-tenant'], 'acme')
  assert.equal(one.requests.at(-1)?.headers['x-request-limit'], '7')
  const unset = await run.run([from, 'null', '--token-env', 'NOT_SET'])
  assert.deepEqual([unset.code, unset.stdout], [2, ''])
})

test('whoever interrupts it hears what was done', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  run.write('a.yaml', documents({ 'foo/1': {}, 'foo/2': {}, 'foo/3': {} }))
  const held = new Promise<undefined>((resolve) => t.after(() => resolve(undefined)))
  service.refuses = (path) => (path === '/api/foo/1' ? undefined : held)
  const program = run.begin(['a.yaml', `${service.origin}/api/foo`, '--concurrency', '1'])
  await until('the second write', async () => service.writes.includes('PUT /api/foo/2'))
  program.child.kill('SIGINT')
  const { code, stderr } = await program.ended()
  assert.equal(code, 130, stderr)
  assert.match(stderr, /HTTPEndpoint\(.*\): interrupted; 1 created.*; the rest is as it was\n$/)
  assert.deepEqual(readdirSync(run.temporary), [])
})

test('a service that is not there is said, and nothing is written', async (t) => {
  const run = new SyncRun(t)
  const text = await run.says(1, 'http://127.0.0.1:9/api', 'd', '-m', '1')
  assert.match(text, /HTTPEndpoint\('http:\/\/127\.0\.0\.1:9\/api'\): .*; nothing was written\n$/)
  assert.deepEqual(run.tree(), {})
})

test('progress is shown on a terminal, and nowhere else', { skip: noScript }, async (t) => {
  const run = new SyncRun(t)
  run.write('a.yaml', documents({ 'foo/1': {}, 'foo/2': {} }))
  assert.doesNotMatch(await run.says(0, 'a.yaml', 'd'), /\r|resources? read|\[#/)
  const terminal = spawn('script', ['-qec', `${process.execPath} ${cli} sync a.yaml e`, '/dev/null'], {
    cwd: run.folder,
  })
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
  assert.deepEqual(await once(terminal, 'close'), [0, null], shown)
  assert.ok(shown.includes('\r\u001B[K1 resource read, '), shown)
  assert.match(shown, /\[[#-]{20}\] +\d+% \d of 2 written, [\d,]+\/s, \d+ s left/)
  assert.deepEqual(run.tree('e'), run.tree('d'))
})

test('a password is asked for on the terminal once, and not shown', { skip: noScript }, async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  service.put('foo', '1')
  const command = [process.execPath, cli, 'sync', `${service.origin}/api/foo`, `${service.origin}/api/bar`, 'null']
  const terminal = spawn('script', ['-qec', `${command.join(' ')} --username me`, '/dev/null'], { cwd: run.folder })
  let shown = ''
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (shown += text))
  await until('the question', async () => shown.includes('Password: '))
  terminal.stdin.write('s3cret pass\n')
  const [code] = (await once(terminal, 'close')) as [number]
  assert.equal(code, 0, shown)
  assert.equal(shown.match(/Password/g)?.length, 1)
  assert.doesNotMatch(shown, /s3cret/)
  const expected = `Basic ${Buffer.from('me:s3cret pass').toString('base64')}`
  assert.deepEqual(new Set(service.requests.map(({ authorization }) => authorization)), new Set([expected]))
  const given = service.requests.length
  const refused = spawn('script', ['-qec', `${command.join(' ')} --username me`, '/dev/null'], { cwd: run.folder })
  let asked = ''
  refused.stdout.setEncoding('utf8').on('data', (text: string) => (asked += text))
  await until('the question', async () => asked.includes('Password: '))
  refused.stdin.write('\u0003')
  assert.deepEqual(await once(refused, 'close'), [130, null], asked)
  assert.equal(service.requests.length, given)
})
