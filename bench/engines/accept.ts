import { callsPerSecond } from './callers.ts'
import type { EngineScenario, Figure } from './figure.ts'

const forMs = { full: 4000, quick: 500 }
/** Before anything counts, for a server compiles what it does often. */
const warmMs = { full: 2000, quick: 500 }

/**
 * Commands that are durable before they are answered, to an agent of one target that is paused. An import of a package
 * that is there is the acceptance alone; behind a replicate, exports run and take their share of the machine.
 */
export function accept(callers: number): EngineScenario {
  const by = callers === 1 ? '1 caller' : `${callers} callers`
  const imports: Figure = { name: `imports accepted, ${by}`, unit: 'a second', better: 'higher' }
  const cpu: Figure = { name: 'CPU of server and Redis for an import accepted', unit: 'ms', better: 'lower' }
  const replicates: Figure = {
    ...{ name: `replicates accepted, ${by}`, unit: 'a second', better: 'higher' },
    ...(callers > 1 && { goal: '1,000 embedded' }),
  }
  return {
    name: `accept-${callers}`,
    measure: async (installation, size) => {
      const source = installation.source(1)
      await installation.configure({ name: 'bench', source, targets: [{ kind: 'memory', name: 'default' }] })
      const pkg = await installation.export('bench')
      await installation.server.ask([200], 'POST', '/replication/agent/bench/pause')
      let accepted = 0
      const calls = async (ms: number, kind: string, body: object): Promise<number> =>
        callsPerSecond(callers, ms, async () => {
          await installation.accepted(`/agent/bench/${kind}`, body)
          accepted++
        })
      await calls(warmMs[size], 'import', { package: pkg })
      const before = { accepted, cpuMs: installation.cpuMs.all }
      const measured = [{ figure: imports, value: await calls(forMs[size], 'import', { package: pkg }) }]
      const workedMs = installation.cpuMs.all - before.cpuMs
      if (callers > 1) measured.push({ figure: cpu, value: workedMs / (accepted - before.accepted) })
      const paths = ['/content/page-0.json']
      measured.push({ figure: replicates, value: await calls(forMs[size], 'replicate', { paths }) })
      const waiting = await installation.sizeOf('bench', 'default')
      if (waiting !== accepted) throw new Error(`${accepted} commands were accepted, and ${waiting} are waiting`)
      return measured
    },
  }
}
