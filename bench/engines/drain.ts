import { callTimes } from './callers.ts'
import type { EngineScenario, Figure, Measured } from './figure.ts'
import type { Installation } from './installation.ts'

const items = { full: 10_000, quick: 500 }
const drained: Figure = {
  ...{ name: 'items drained in order, one lane to a memory target', unit: 'a second', better: 'higher' },
  goal: '1,000 embedded, 500 shared',
}
const cpu: Figure = { name: 'CPU of server and Redis for an item drained', unit: 'ms', better: 'lower' }
const waitingBytes: Figure = { name: 'memory of Redis for a waiting item', unit: 'bytes' }
const finishedBytes: Figure = { name: 'memory of Redis for a finished command', unit: 'bytes' }

/** A queue that was filled while it was paused, from its resumption until its last item is delivered. */
export const drain: EngineScenario = {
  name: 'drain',
  measure: async (installation, size) => {
    const source = installation.source(1)
    await installation.configure({ name: 'bench', source, targets: [{ kind: 'memory', name: 'default' }] })
    const pkg = await installation.export('bench')
    const empty = await installation.redisBytes()
    await fill(installation, 'bench', pkg, items[size] - 1)
    const full = await installation.redisBytes()
    // The lane is in order: when the last is delivered, all are.
    const startedAt = performance.now()
    const before = installation.cpuMs
    const last = installation.succeed('/agent/bench/import', { package: pkg })
    await installation.server.ask([200], 'POST', '/replication/agent/bench/resume')
    await last
    const tookMs = performance.now() - startedAt
    const workedMs = installation.cpuMs.all - before.all
    const left = await installation.sizeOf('bench', 'default')
    if (left !== 0) throw new Error(`${left} items are left behind the last one`)
    const measured: Measured[] = [
      { figure: drained, value: (1000 * items[size]) / tookMs },
      { figure: cpu, value: workedMs / items[size] },
    ]
    const after = await installation.redisBytes()
    if (empty !== undefined && full !== undefined && after !== undefined)
      measured.push(
        { figure: waitingBytes, value: (full - empty) / (items[size] - 1) },
        { figure: finishedBytes, value: (after - empty) / items[size] },
      )
    return measured
  },
}

/** Pauses the agent, and puts so many items on its queue. */
export async function fill(installation: Installation, agent: string, pkg: string, count: number): Promise<void> {
  await installation.server.ask([200], 'POST', `/replication/agent/${agent}/pause`)
  await callTimes(50, count, () => installation.accepted(`/agent/${agent}/import`, { package: pkg }))
}
