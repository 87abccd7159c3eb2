import { setTimeout as sleep } from 'node:timers/promises'
import { anonymousBytes } from '../processes.ts'
import { callTimes } from './callers.ts'
import type { EngineScenario, Figure, Measured } from './figure.ts'
import type { Installation } from './installation.ts'

const agents = { full: 1000, quick: 20 }
/** Longer than a minute: what a server looks for once a minute is in it. */
const idleMs = { full: 62_000, quick: 1000 }
const settleMs = 3000

const connections: Figure = { name: 'connections to Redis', unit: 'connections', goal: 'at most 10' }
const memory: Figure = { name: 'anonymous memory of the server', unit: 'MB', goal: '200 MB', better: 'lower' }
const redisMemory: Figure = { name: 'memory of Redis', unit: 'MB' }
const serverCpu: Figure = { name: 'the server at rest', unit: '% of a core', goal: '1 %' }
const redisCpu: Figure = { name: 'Redis at rest', unit: '% of a core' }

const memoryLeft: Figure = { name: 'anonymous memory when they are deleted', unit: '% of before', goal: '110 %' }
const timersLeft: Figure = { name: 'timers when they are deleted', unit: '% of before', goal: '110 %' }
const connectionsLeft: Figure = { name: 'connections when they are deleted', unit: '% of before', goal: '110 %' }

/** What it costs to have many agents that have worked once, and rest. */
export const lanes: EngineScenario = {
  name: 'lanes',
  once: true,
  measure: async (installation, size) => {
    const source = installation.source(1)
    await create(installation, source, 0)
    await installation.succeed('/all/replicate', { paths: ['/content/page-0.json'] })
    await remove(installation, 0)
    await sleep(settleMs)
    const alone = await held(installation)
    await callTimes(4, agents[size], (number) => create(installation, source, number))
    await installation.succeed('/all/replicate', { paths: ['/content/page-0.json'] })
    await sleep(settleMs)
    const before = installation.cpuMs
    const startedAt = performance.now()
    await sleep(idleMs[size])
    const wallMs = performance.now() - startedAt
    const after = installation.cpuMs
    const measured: Measured[] = [
      { figure: memory, value: (anonymousBytes(installation.server.pid) ?? NaN) / 1e6 },
      { figure: serverCpu, value: (100 * (after.server - before.server)) / wallMs },
    ]
    const [count, bytes] = [await installation.connections(), await installation.redisBytes()]
    if (count !== undefined && bytes !== undefined)
      measured.push(
        { figure: redisCpu, value: (100 * (after.redis - before.redis)) / wallMs },
        { figure: connections, value: count },
        { figure: redisMemory, value: bytes / 1e6 },
      )
    await callTimes(4, agents[size], (number) => remove(installation, number))
    await sleep(settleMs)
    const left = await held(installation)
    measured.push(
      { figure: memoryLeft, value: (100 * left.bytes) / alone.bytes },
      { figure: timersLeft, value: (100 * left.timers) / alone.timers },
    )
    if (left.connections !== undefined && alone.connections !== undefined)
      measured.push({ figure: connectionsLeft, value: (100 * left.connections) / alone.connections })
    const lanes = (2 * agents[size]).toLocaleString('en')
    return measured.map(({ figure, value }) => ({
      figure: { ...figure, name: `with ${lanes} lanes: ${figure.name}` },
      value,
    }))
  },
}

async function create(installation: Installation, source: object, number: number): Promise<void> {
  const targets = ['one', 'two'].map((name) => ({ kind: 'memory', name }))
  await installation.configure({ name: `agent-${number}`, source, targets })
}

async function remove({ server }: Installation, number: number): Promise<void> {
  await server.ask([204], 'DELETE', `/replication/config/agent-${number}`)
}

/** What the server holds now: anonymous memory, timers of its event loop, connections to Redis if it has one. */
async function held(installation: Installation) {
  return {
    bytes: anonymousBytes(installation.server.pid) ?? NaN,
    timers: await installation.server.metric('nodejs_active_resources{type="Timeout"}'),
    connections: await installation.connections(),
  }
}
