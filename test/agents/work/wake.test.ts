import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { wakeLanes } from '../../../src/agents/work/wake.ts'
import type { Agent } from '../../../src/agents/roster.ts'
import { enqueue } from '../../../src/queues/lanes.ts'
import { openTestHome } from '../../home.ts'
import { until } from '../until.ts'

test('what is put behind another item wakes no lane, and what becomes the head does', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'trebuchet-wake-'))
  const { store, work, leave } = await openTestHome(folder, pino({ level: 'silent' }))
  t.after(async () => {
    await work.close(0)
    await store.close()
    await leave()
    await rm(folder, { recursive: true })
  })
  const item = { target: 'default', enqueuedAt: new Date().toISOString() }
  for (const [queue, commands] of [
    ['default', ['first', 'second']],
    ['other', ['second']],
  ] as const)
    for (const command of commands)
      await store.commit({ writes: enqueue({ agent: 'bench', queue }, { ...item, command }) })
  const agent = { name: 'bench', targets: ['default', 'other', 'empty'] } as unknown as Agent
  const woken: string[] = []
  work.handle('deliveries', async ({ key, label }) => void woken.push(`${key} ${label}`), { concurrency: 1 })
  await work.start()

  await wakeLanes({ store, work }, agent, 'second')
  await until(async () => woken.length > 0 || undefined)
  await wakeLanes({ store, work }, agent, 'first')
  await until(async () => woken.length > 1 || undefined)
  assert.deepEqual(woken, ['bench/other second', 'bench/default first'])
  await wakeLanes({ store, work }, agent)
  await until(async () => woken.length > 3 || undefined)
  assert.deepEqual(woken.slice(2).toSorted(), ['bench/default first', 'bench/other second'])
})
