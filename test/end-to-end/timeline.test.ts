/** What has happened to a command, asked for afterwards. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { comparing } from './comparing.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Page } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface Happened {
  readonly type: string
  readonly at: string
  readonly agent: string
  readonly target?: string
  readonly actor?: string
  readonly data?: object
}

test('a command that was undone says by which one, and its timeline is read page by page', async () => {
  const [source, target] = [join(folder, 'source'), join(folder, 'target')]
  plant(source, { 'content/page.html': 'new' })
  plant(target, { 'content/page.html': 'old' })
  await client.agent({
    name: 'site',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: target }],
  })
  const { post, compare, apply } = comparing(client)
  const applied = await apply(await compare('site'), { preset: 'complete' })
  const reverting = await post(`/commands/${applied.id}/revert`)
  const undone = await apply(reverting.body as never, {})
  const { body } = await client.get<Page<Happened>>(`/commands/${applied.id}/events`)
  assert.deepEqual(
    body.items.map(({ type }) => type),
    [
      ...['command.accepted', 'package.ready', 'delivery.started', 'delivery.delivered'],
      ...['command.finished', 'command.reverted'],
    ],
  )
  assert.deepEqual(body.items.at(-1)?.data, { by: undone.id })
  assert.ok(body.items.every(({ agent, at }) => agent === 'site' && Date.parse(at) > 0))
  const read: Happened[] = []
  for (let path: string | undefined = `/commands/${applied.id}/events?limit=4`; path !== undefined;) {
    const page: Page<Happened> = (await client.get<Page<Happened>>(path)).body
    read.push(...page.items)
    path = page.next && `/commands/${applied.id}/events?limit=4&cursor=${page.next}`
  }
  assert.deepEqual(read, body.items)
  assert.equal((await client.get('/commands/01J9ZZZZZZZZZZZZZZZZZZZZZZ/events')).status, 404)
})
