/** What a target was said to hold and has no more comes after all, whoever of the two servers dies while it is mended. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'

const folder = scratch()
const [near, far] = await Promise.all([Server.start(), Server.start()])
const proxy = await CuttingProxy.before(far.port)
const MiB = 1024 * 1024
const unfinished = join(far.environment['PACKAGES_DIR'] ?? join(far.dataDir, 'packages'), 'unfinished')
/** 0 for what goes meanwhile. */
const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0
const source = join(folder, 'source/content')
plant(source, Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`${n}.txt`, `text ${n}`])))

async function agentTo(name: string): Promise<string> {
  const target = join(folder, name)
  await far.client.agent({ name, targets: [{ kind: 'directory', path: target }] })
  await near.client.agent({
    name,
    source: { kind: 'directory', path: join(folder, 'source') },
    targets: [{ kind: 'remote', url: proxy.url, agent: name }],
  })
  return target
}

for (const { dies, server, mode } of [
  { dies: 'sends', server: near, mode: 'mirror' },
  { dies: 'receives', server: far, mode: 'update' },
] as const)
  test(`a server that is killed while it ${dies} what a target had lost leaves nothing out`, async () => {
    const target = await agentTo(dies)
    plant(source, { large: randomBytes(6 * MiB) })
    await near.client.deliver(dies, { paths: ['/content'], mode })
    rmSync(join(target, 'content/large'))
    rmSync(join(target, 'content/7.txt'))
    plant(source, { '0.txt': `changed for who ${dies}` })
    proxy.sent = 0
    proxy.next = { at: 4 * MiB, how: 'hold' }
    const id = await near.client.send(dies, { paths: ['/content'], mode })
    // And held, so that it does not hold the next one.
    await until(
      'what was lost to be on its way',
      async () =>
        proxy.next === undefined && readdirSync(unfinished).some((name) => sizeOf(join(unfinished, name)) > MiB),
    )
    await server.crash()
    await server.launch()
    const command = await near.client.finished(id)
    assert.equal(command.state, 'succeeded', JSON.stringify(command))
    assertSameTree(join(target, 'content'), source)
  })

test('a target that was put back to what it was, with all that is remembered of it, gets what it lacks', async () => {
  const target = await agentTo('restored')
  await near.client.deliver('restored', { paths: ['/content'] })
  cpSync(target, `${target}-kept`, { recursive: true, preserveTimestamps: true })
  plant(source, { '1.txt': 'came later', '2.txt': 'text_2', 'new.txt': 'new' })
  await near.client.deliver('restored', { paths: ['/content'] })
  rmSync(target, { recursive: true })
  cpSync(`${target}-kept`, target, { recursive: true, preserveTimestamps: true })
  plant(source, { '3.txt': 'came last' })
  await near.client.deliver('restored', { paths: ['/content'] })
  assertSameTree(join(target, 'content'), source)
})
