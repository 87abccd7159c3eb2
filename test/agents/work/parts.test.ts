import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retry } from '../../../src/agents/commands/operate.ts'
import { packageOf } from '../../../src/agents/packages.ts'
import { inParts } from '../../../src/agents/work/split.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { parsePath } from '../../../src/resources/path.ts'
import type { Change } from '../../../src/resources/resource.ts'
import { givenEngine } from '../given-engine.ts'

test('a large tree goes in parts, in order, and a retry repeats only the part that failed', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  for (let i = 0; i < 10_100; i++) given.write(`/content/f${i}`, `${i}`)
  const seen: string[] = []
  let bad = true
  given.gate('one', async ({ id }) => {
    seen.push(id.slice(id.lastIndexOf('/') + 1))
    if (!id.endsWith('/2') || !bad) return
    bad = false
    throw new ReplicationError('unavailable', 'away for a moment')
  })
  const command = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(command.state, 'succeeded')
  assert.deepEqual(seen, ['1', '2', '2'])
  const [agent] = command.agents
  assert.deepEqual(agent?.parts, { done: 2, total: 2 })
  assert.deepEqual(agent.targets[0]?.receipt?.detail, { parts: 2 })
  // 10,100 files and the folder that holds them.
  assert.equal(agent.targets[0]?.receipt?.entries, 10_101)
  assert.equal(agent.targets[0].attempts, 2)
  for (const i of [0, 5000, 10_099]) assert.equal(given.read('one', `/content/f${i}`), `${i}`)

  const index = await packageOf(given.parts, agent.package ?? '')
  assert.equal(index.parts?.length, 2)
  assert.equal(index.entries, 10_101)
})

test('what failed and is queued again is applied anew, with every part', async (t) => {
  const given = await givenEngine(t)
  const queue = { onFailure: 'error-queue', attempts: 1, backoff: { initialMs: 1, maxMs: 5 } }
  await given.agent('author', ['one'], { queue })
  for (let i = 0; i < 10_100; i++) given.write(`/content/f${i}`, 'first')
  let bad = true
  given.gate('one', async ({ id }) => {
    if (bad && id.endsWith('/2')) throw new ReplicationError('rejected', 'not this')
  })
  const first = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(first.state, 'failed')
  bad = false
  for (const path of ['/content/f0', '/content/f10050']) given.write(path, 'second')
  await given.finished(await given.ask({ agents: ['author'], at: ['/content/f0', '/content/f10050'], deep: false }))
  assert.equal(given.read('one', '/content/f0'), 'second')
  await retry(given.parts, first.id, 'test')
  assert.equal((await given.finished(first)).state, 'succeeded')
  for (const path of ['/content/f0', '/content/f10050']) assert.equal(given.read('one', path), 'first')
})

async function* puts(sizes: readonly number[]): AsyncGenerator<Change> {
  for (const [i, size] of sizes.entries()) {
    const path = parsePath(`/${String(i).padStart(3, '0')}`)
    yield { kind: 'put', resource: { path, content: () => new Uint8Array(size) } }
  }
}

for (const { name, sizes, expected } of [
  { name: 'nothing is one empty part', sizes: [], expected: [0] },
  { name: 'what fits is one part', sizes: [1, 1, 1], expected: [3] },
  { name: 'the entry limit begins a new part', sizes: [1, 1, 1, 1], expected: [3, 1] },
  { name: 'a part ends with the entry that fills it', sizes: [4, 8, 1, 20, 1], expected: [2, 2, 1] },
])
  test(`of a tree in parts, ${name}`, async () => {
    const counts: number[] = []
    for await (const part of inParts(puts(sizes), { maxEntries: 3, maxBytes: 10 })) {
      let count = 0
      for await (const change of part) {
        if (change.kind === 'put') change.resource.content?.()
        count++
      }
      counts.push(count)
    }
    assert.deepEqual(counts, expected)
  })
