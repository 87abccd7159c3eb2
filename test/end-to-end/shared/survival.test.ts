/** Servers that die or are stopped, and a Redis that is restarted, while one source is delivered to three targets. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../client.ts'
import { Installation, redisNeeded } from './installation.ts'
import { plant, textAt } from '../trees.ts'
import type { Accepted, Command, Page } from '../views.ts'

const targets = ['one', 'two', 'three']
/** Longer than a worker's lock lasts without it. */
const frozenMs = 22_000

test(
  'killed, stopped and cut off from Redis, two servers deliver all, in order, once to the eye',
  redisNeeded,
  async (t) => {
    const installation = await Installation.start()
    const { folder, redis } = installation
    const first = await installation.server()
    const second = await installation.server()
    const servers = [first, second]
    const source = join(folder, 'source')
    plant(source, { 'content/number': '0' })
    await first.client.agent({
      name: 'publish',
      source: { kind: 'directory', path: source },
      targets: targets.map((name) => ({ name, kind: 'directory', path: join(folder, name) })),
    })

    let over = false
    let sent = 0
    const faults = (async () => {
      await pause(1000)
      await first.crash()
      await pause(500)
      await first.launch()
      t.diagnostic('a server was killed')
      second.freeze()
      await pause(frozenMs / 2)
      await redis.stop('SIGKILL')
      await pause(1000)
      await redis.launch()
      t.diagnostic('redis was killed')
      await pause(frozenMs / 2)
      second.thaw()
      t.diagnostic('a server was stopped for a while')
      await pause(1000)
      over = true
    })()

    /** What a reader of the targets sees: numbers that only grow. */
    const seen = targets.map(() => [0])
    const reader = (async () => {
      while (!over || seen.some((numbers) => numbers.at(-1) !== sent)) {
        for (const [i, target] of targets.entries()) {
          const number = Number(textAt(join(folder, target), 'content/number') ?? 0)
          if (number !== seen[i]?.at(-1)) seen[i]?.push(number)
        }
        await pause(5)
      }
    })()

    const ids: string[] = []
    while (!over || sent < 30) {
      const number = sent + 1
      plant(source, { 'content/number': `${number}` })
      const call = { json: { paths: ['/content'] }, headers: { 'idempotency-key': `n${number}`, prefer: 'wait=0' } }
      const id = await until(`an answer to ${number}`, async () => {
        for (const { client } of servers.toSorted(() => Math.random() - 0.5)) {
          const asked = client.post<Accepted>('/agent/publish/replicate', call).catch(() => undefined)
          const answer = await Promise.race([asked, pause(3000)])
          if (answer !== undefined && answer.status < 300) return answer.body.id
        }
        return undefined
      })
      ids.push(id)
      sent = number
      // The content is that of the moment of export: only when it has been read may the next number be written.
      await until(`the package of ${number}`, async () => {
        for (const { client } of servers) {
          const asked = client.get<Command>(`/commands/${id}`).catch(() => undefined)
          const answer = await Promise.race([asked, pause(1000)])
          if (answer?.status === 200) return answer.body.agents[0]?.package !== undefined
        }
        return false
      })
      await pause(100)
    }
    await faults
    for (const id of ids) {
      const command = await first.client.finished(id)
      assert.equal(command.state, 'succeeded', JSON.stringify(command, undefined, 1))
      for (const target of command.agents[0]?.targets ?? [])
        assert.match(String(target.receipt?.delivery), new RegExp(`^${id}/`))
    }
    await reader
    t.diagnostic(`${sent} were sent`)
    for (const numbers of seen)
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
        'a target went back in time',
      )
    const { body } = await second.client.get<Page<Command>>('/commands', { query: { agent: 'publish', limit: 500 } })
    assert.deepEqual(
      body.items.map(({ id }) => id),
      ids.toReversed(),
    )
    for (const target of targets) {
      const ends = body.items.map(
        ({ agents: [part] }) => part?.targets.find((one) => one.target === target)?.finishedAt ?? '',
      )
      assert.deepEqual(ends, ends.toSorted().toReversed(), `${target} was not delivered in order`)
    }
  },
)
