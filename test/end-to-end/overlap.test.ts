/** The first parts of a tree are delivered while the next are made, whatever dies meanwhile. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Receipt } from '../../src/endpoints/endpoint.ts'
import { until } from './client.ts'
import { program, scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'
import type { Command, Page } from './views.ts'

const folder = scratch()
const far = await Server.start()
const near = await Server.prepare()

const smallParts = new URL('./small-parts.js', import.meta.url).href
const heldParts = new URL('./held-parts.js', import.meta.url).href

/** A server with these loaded into it. */
function loading(...modules: readonly string[]): [string, ...string[]] {
  return [process.execPath, ...modules.flatMap((module) => ['--import', module]), program]
}

interface Partly {
  readonly target: string
  readonly applied?: { readonly parts: number }
}

test('a server that is killed when two parts were applied delivers the rest, and sends nothing again', async () => {
  const at = (name: string): string => join(folder, name)
  const files = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`content/${i}.txt`, `text ${i}`]))
  plant(at('source'), files)
  await far.client.agent({ name: 'large', targets: [{ name: 'default', kind: 'directory', path: at('there') }] })
  await near.launch(loading(smallParts, heldParts))
  await near.client.agent({
    name: 'large',
    source: { kind: 'directory', path: at('source') },
    targets: [
      { name: 'here', kind: 'directory', path: at('here') },
      { name: 'far', kind: 'remote', url: far.client.origin, agent: 'large' },
    ],
  })
  const id = await near.client.send('large', { paths: ['/content'] })
  const half = await until('two parts to be applied by both', async () => {
    const command = await near.client.command(id)
    const targets = command.agents[0]?.targets as readonly Partly[] | undefined
    return targets?.every(({ applied }) => applied?.parts === 2) === true && command
  })
  assert.equal(half.state, 'running')
  for (const target of ['here', 'there'])
    assert.equal(readdirSync(join(at(target), 'content')).length, 2 * 300, `${target} has two parts`)
  await near.crash()
  await near.launch(loading(smallParts))
  const { state, agents } = await near.client.finished(id)
  assert.equal(state, 'succeeded', JSON.stringify(agents))
  assert.ok(agents[0])
  assert.deepEqual((agents[0] as { parts?: object }).parts, { done: 4, total: 4 })
  for (const target of ['here', 'there']) assertSameTree(join(at(target), 'content'), join(at('source'), 'content'))
  for (const { receipt } of agents[0].targets)
    assert.deepEqual([receipt?.package, (receipt as Receipt).entries], [agents[0].package, 1001])
  const numbers = [1, 2, 3, 4]
  assert.deepEqual(
    receiptsIn(at('here')).map(({ delivery }) => delivery),
    numbers.map((number) => `${id}/large/here/${number}`),
  )
  const { body } = await far.client.get<Page<Command & { delivery?: string }>>('/commands', { query: { limit: 100 } })
  assert.deepEqual(
    body.items.map(({ delivery, state: its }) => [delivery, its]).toReversed(),
    numbers.map((number) => [`${id}/large/far/${number}`, 'succeeded']),
  )
})

function receiptsIn(target: string): Receipt[] {
  const own = join(target, '.trebuchet')
  const [lane = ''] = readdirSync(own)
  const lines = readFileSync(join(own, lane, 'receipts'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => JSON.parse(line) as Receipt)
}
