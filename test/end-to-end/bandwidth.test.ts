/** How fast packages are sent to another server, and that this can change while one is on its way. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { AgentView, Command } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
// Another one: what this one has itself it would not send.
const far = await Server.start()
const source = join(folder, 'source')
// At the least limit this takes minutes.
const content = randomBytes(3 * 1024 * 1024)
plant(source, { 'large.bin': content, 'small.txt': 'small' })

const slow = { bytesPerSecond: 8192 }
const target = (bandwidth: object): object => ({
  ...{ name: 'default', kind: 'remote', url: far.client.origin, agent: 'far', bandwidth },
})
await far.client.agent({ name: 'far', targets: [{ kind: 'directory', path: join(folder, 'target') }] })
await client.agent({ name: 'local', targets: [{ kind: 'directory', path: join(folder, 'local') }] })
await client.agent({ name: 'near', source: { kind: 'directory', path: source }, targets: [target(slow)] as never })

interface Sending {
  readonly progress?: { readonly phase: string; readonly bytes: number; readonly totalBytes: number }
}
async function sending(id: string, least: number): Promise<number> {
  return until('the package to be on its way', async () => {
    const command: Command = await client.command(id)
    const progress = (command.agents[0]?.targets[0] as Sending | undefined)?.progress
    return progress?.phase === 'sending' && progress.bytes > least && progress.bytes < content.length && progress.bytes
  })
}

async function limitOf(agent: string): Promise<unknown> {
  const { body } = await client.get<AgentView>(`/agent/${agent}`)
  const { body: queue } = await client.get<{ limitBytesPerSecond?: number }>(`/agent/${agent}/queues/default`)
  const [summary] = body.queues as readonly { limitBytesPerSecond?: number }[]
  assert.equal(queue.limitBytesPerSecond, summary?.limitBytesPerSecond)
  return summary?.limitBytesPerSecond
}

async function limitTo(bandwidth: object): Promise<void> {
  const { status, text } = await client.call('PATCH', '/replication/config/near', {
    json: { targets: [target(bandwidth)] },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  assert.equal(status, 200, text)
}

test('the limit is shown where its queue is, and only there', async () => {
  assert.equal(await limitOf('near'), 8192)
  assert.equal(await limitOf('local'), undefined)
  const { text } = await client.call('GET', '/metrics')
  assert.match(
    text,
    /^trebuchet_target_bandwidth_limit_bytes_per_second\{agent="near",target="default"\} 8192$/m,
    'in force now',
  )
  assert.doesNotMatch(text, /bandwidth_limit.*agent="local"/)
})

test('what is sent slowly goes on as fast as it can once the limit is lifted', async () => {
  const id = await client.send('near', { paths: ['/'] })
  await sending(id, 8192)
  // A window that is always now, ahead of the limit that would otherwise hold.
  await limitTo({ ...slow, timetable: [{ from: '00:00', to: '24:00', bytesPerSecond: 0 }] })
  assert.equal((await client.finished(id)).state, 'succeeded')
  assert.deepEqual(readFileSync(join(folder, 'target/large.bin')), content)
  assert.equal(await limitOf('near'), undefined)
})

test('a server that sends slowly can be told to end, and sends the rest of the package when it is back', async () => {
  await limitTo(slow)
  const id = await client.send('near', { paths: ['/large.bin'] })
  await sending(id, 1000)
  await server.restart()
  await limitTo({})
  assert.equal((await client.finished(id)).state, 'succeeded')
})
