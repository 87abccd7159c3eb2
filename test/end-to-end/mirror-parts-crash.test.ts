/** Mirrors in parts to another server, and either server killed in the middle of them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { onRedis } from '../home.ts'
import { until } from './client.ts'
import { asked, far, farCommands, files, loading, modules, near, receiptsIn, site } from './mirror-sites.ts'
import { assertSameTree, plant } from './trees.ts'

/** So many deaths of each server; CRASH_POINTS=all takes every step. */
const wanted = process.env['CRASH_POINTS'] ?? (onRedis ? '1' : '2')

for (const victim of ['near', 'far'] as const)
  test(`a mirror in parts ends as it should, wherever the ${victim} server is killed in it`, async (t) => {
    const name = `trapped-${victim}`
    const here = await site(name)
    const server = victim === 'near' ? near : far
    const always = victim === 'near' ? [modules.parts] : []
    let round = 0
    const run = async (at: number): Promise<{ readonly died: boolean; readonly steps: number }> => {
      plant(here.source, files(`version ${++round}`))
      plant(here.target, { [`content/extra-${round}/e`]: 'e' })
      await server.end()
      const from = server.output.length
      server.spawn(loading(...always, `${modules.trap}?at=${at}`))
      let died = false
      const end = server.death().then(async ({ signal }) => {
        died = signal === 'SIGKILL'
        if (died) await server.launch(loading(...always))
      })
      const begun = async (): Promise<boolean> => died || (await fetch(`${server.client.origin}/health/ready`)).ok
      await until('the server to have begun, or died', begun)
      const key = `${name}-${round}`
      const id = await until('the mirror to be accepted', async () => {
        const headers = { 'idempotency-key': key }
        const { status, body } = await near.client.post<{ id: string }>(`/agent/${name}/replicate`, {
          json: asked,
          headers,
        })
        return status === 202 && body.id
      })
      const ended = await until('the mirror to end', async () => {
        const command = await near.client.command(id)
        return ['succeeded', 'failed', 'partial'].includes(command.state) && command
      })
      assert.equal(ended.state, 'succeeded', `at step ${at}: ${JSON.stringify(ended)}`)
      assertSameTree(join(here.target, 'content'), join(here.source, 'content'))
      const own = (await farCommands(name)).filter(({ delivery }) => delivery?.startsWith(id) === true)
      assert.deepEqual(
        own.map(({ state }) => state),
        ['succeeded'],
        `at step ${at}`,
      )
      const applied = receiptsIn(here.target).filter((delivery) => delivery.startsWith(own[0]?.id ?? '?'))
      assert.deepEqual(
        applied.map((delivery) => delivery.split('/').at(-1)),
        ['1', '2', '3', '4', 'mirror'],
        `each once, at step ${at}`,
      )
      if (!died) await server.ended('SIGTERM')
      await end
      const steps = [...server.output.slice(from).matchAll(/^step \d+: (.*)$/gm)]
      if (died) t.diagnostic(`step ${at}: ${steps.at(-1)?.[1]}`)
      else await server.launch(loading(...always))
      return { died, steps: steps.length }
    }
    const { steps } = await run(1_000_000)
    assert.ok(steps > 30, `${steps} steps`)
    const offset = Math.random()
    const samples = wanted === 'all' ? steps : Number(wanted)
    for (let i = 0; i < samples; i++) {
      let at = wanted === 'all' ? i : Math.floor(((i + offset) / samples) * steps)
      // A later mirror writes in fewer steps than the first: who outlives it is killed sooner in the next one.
      while (!(await run(at)).died && wanted !== 'all') at = Math.floor(at / 2)
    }
  })
