/** Back-ups that are restored, and imports that are killed in the middle. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import { Program, trebuchet, type Outcome } from '../cli/program.ts'
import { onRedis } from '../home.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'
import type { Command } from './views.ts'

const folder = scratch()
const source = join(folder, 'source')
plant(source, { 'content/page.html': 'v0' })

function environmentOf(server: Server): Record<string, string> {
  const known = Object.entries(server.environment).filter(([, value]) => value !== undefined)
  return Object.fromEntries(known) as Record<string, string>
}

function state(server: Server, ...args: readonly string[]): Promise<Outcome> {
  return trebuchet(server.folder, ['state', ...args], { env: environmentOf(server) })
}

async function succeed(server: Server, ...args: readonly string[]): Promise<string> {
  const { code, stderr } = await state(server, ...args)
  assert.equal(code, 0, stderr)
  return stderr
}

async function givenAgent(server: Server, name: string): Promise<string> {
  const target = join(folder, name)
  await server.client.agent({
    ...{ name, source: { kind: 'directory', path: source } },
    targets: [{ name: 'default', kind: 'directory', path: target }],
  })
  return target
}

/** What tells Redis that a process which was killed was there is forgotten after 15 s. */
async function forgetTheDead(server: Server): Promise<void> {
  const { REDIS_URL = '', REDIS_PREFIX = '' } = environmentOf(server)
  if (!onRedis) return
  const redis = new Redis(REDIS_URL)
  await redis.del(`{${REDIS_PREFIX}}:servers`)
  redis.disconnect()
}

test('an import that is killed keeps the server from starting, until somebody goes back or repeats it', async () => {
  const server = await Server.start()
  const target = await givenAgent(server, 'kept')
  await server.client.deliver('kept', { paths: ['/content'] })
  await server.end()
  const file = join(folder, 'kept.ndjson')
  await succeed(server, 'export', file)
  const whole = readFileSync(file)

  for (const repeat of [false, true]) {
    const program = new Program(server.folder, ['state', 'import', '-', '--replace'], environmentOf(server))
    const filler = Array.from(
      { length: 2000 },
      (_, i) => `{"key":"a/${String(i).padStart(9, '0')}","value":"${'x'.repeat(1000)}"}`,
    )
    const begun = [whole.toString().split('\n')[0], ...filler, ''].join('\n')
    // More than a pipe holds: when it has taken all of it, it has written some.
    await new Promise((resolve) => program.child.stdin?.write(begun, resolve))
    program.child.kill('SIGKILL')
    assert.equal((await program.ended()).signal, 'SIGKILL')
    await forgetTheDead(server)

    const before = server.output.length
    server.spawn()
    assert.deepEqual(await server.ended(), { code: 1, signal: null })
    assert.match(server.output.slice(before), /^trebuchet: an import into .* trebuchet state import --abandon\n$/m)
    const said = repeat
      ? await succeed(server, 'import', file, '--replace')
      : await succeed(server, 'import', '--abandon')
    assert.match(said, repeat ? /imported \d+ entries/ : /is the one before the import/)
    await server.launch()
    plant(source, { 'content/page.html': repeat ? 'v2' : 'v1' })
    await server.client.deliver('kept', { paths: ['/content'] })
    assertSameTree(target, source)
    await server.end()
  }
})

test('an older back-up goes on with epochs that targets have not seen, when it is told to', async () => {
  const server = await Server.start()
  const target = await givenAgent(server, 'rewound')
  await server.client.deliver('rewound', { paths: ['/content'] })
  await server.end()
  const file = join(folder, 'rewound.ndjson')
  await succeed(server, 'export', file)
  await server.launch()
  for (const text of ['v1', 'v2', 'v3']) {
    plant(source, { 'content/page.html': text })
    await server.client.deliver('rewound', { paths: ['/content'] })
  }
  await server.end()

  assert.match(await succeed(server, 'import', file, '--replace'), /--rewind/)
  await server.launch()
  plant(source, { 'content/page.html': 'after the restore' })
  const refused = await server.client.send('rewound', { paths: ['/content'] })
  const error = await until('the target to refuse an older epoch', async () => {
    const [part] = (await server.client.command(refused)).agents
    return part?.targets[0]?.error
  })
  assert.match(error.detail, /a newer worker has taken over this lane/)
  await server.end()

  assert.doesNotMatch(await succeed(server, 'import', file, '--replace', '--rewind'), /--rewind/)
  await server.launch()
  await server.client.deliver('rewound', { paths: ['/content'] })
  assert.equal(textAt(target, 'content/page.html'), 'after the restore')
})

test('packages are copied beside a back-up, once each, and back; what is missing or damaged is said', async () => {
  const server = await Server.start()
  const target = await givenAgent(server, 'packed')
  const commands: Command[] = []
  await server.client.post('/agent/packed/pause')
  for (const text of ['p1', 'p2', 'p3']) {
    plant(source, { 'content/page.html': text })
    const id = await server.client.send('packed', { paths: ['/content'] })
    commands.push(
      await until('the package to be made', async () => {
        const command = await server.client.command(id)
        return command.agents[0]?.package === undefined ? undefined : command
      }),
    )
  }
  await server.end()
  const [file, packages] = [join(folder, 'packed.ndjson'), join(folder, 'packages')]
  assert.match(await succeed(server, 'export', file), /copy .*packages as well, or give --packages/)
  assert.match(await succeed(server, 'export', file, '--packages', packages), /3 packages \(3 copied\)/)
  assert.match(await succeed(server, 'export', file, '--packages', packages), /3 packages\n/)

  const [zipOf1, zipOf2] = commands.map(({ agents: [part] }) => {
    const id = part?.package ?? ''
    return join(id.slice(7, 9), `${id}.zip`)
  })
  rmSync(join(server.dataDir, 'packages'), { recursive: true })
  rmSync(join(packages, zipOf1 ?? ''))
  writeFileSync(join(packages, zipOf2 ?? ''), 'damaged')
  const said = await succeed(server, 'import', file, '--replace', '--packages', packages)
  assert.match(said, /package sha256-\w+ is damaged and was left out/)
  assert.match(said, /3 packages \(1 copied\)/)
  assert.match(said, /warning: 2 of these packages are not in/)
  assert.equal(zipsBelow(join(server.dataDir, 'packages')), 1)

  rmSync(packages, { recursive: true })
  await server.launch()
  for (const { id } of commands.slice(0, 2)) await server.client.post(`/commands/${id}/cancel`)
  await server.client.post('/agent/packed/resume')
  assert.equal((await server.client.finished(commands[2]?.id ?? '')).state, 'succeeded')
  assert.equal(textAt(target, 'content/page.html'), 'p3')
})

function zipsBelow(packages: string): number {
  if (!existsSync(packages)) return 0
  return readdirSync(packages, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.zip')).length
}
