import { setTimeout as sleep } from 'node:timers/promises'
import { anonymousBytes } from '../processes.ts'
import { callTimes } from './callers.ts'
import type { EngineScenario, Figure, Measured } from './figure.ts'

const agents = { full: 500, quick: 20 }
/** Longer than a minute: what a server looks for once a minute is in it. */
const idleMs = { full: 62_000, quick: 1000 }
const settleMs = 3000

const connections: Figure = { name: 'connections to Redis', unit: 'connections', goal: 'at most 10' }
const memory: Figure = { name: 'anonymous memory of the server', unit: 'MB', goal: '200 MB', better: 'lower' }
const redisMemory: Figure = { name: 'memory of Redis', unit: 'MB' }
const serverCpu: Figure = { name: 'the server at rest', unit: '% of a core', goal: '1 %' }
const redisCpu: Figure = { name: 'Redis at rest', unit: '% of a core' }

/** What it costs to have many agents that have worked once, and rest. */
export const lanes: EngineScenario = {
  name: 'lanes',
  once: true,
  measure: async (installation, size) => {
    const source = installation.source(1)
    await callTimes(4, agents[size], (number) => {
      const targets = ['one', 'two'].map((name) => ({ kind: 'memory', name }))
      return installation.configure({ name: `agent-${number}`, source, targets })
    })
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
    const lanes = (2 * agents[size]).toLocaleString('en')
    return measured.map(({ figure, value }) => ({
      figure: { ...figure, name: `with ${lanes} lanes: ${figure.name}` },
      value,
    }))
  },
}
