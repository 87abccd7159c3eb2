import { quantile } from '../markdown.ts'
import { timeEach } from './callers.ts'
import type { EngineScenario, Figure } from './figure.ts'

const commands = { full: 30, quick: 5 }
const before = 3
const targets = 50

interface Packages {
  readonly items: readonly unknown[]
}

/** One small file to many targets of one agent, from the call to the answer that says that all have it. */
export const fanOut: EngineScenario = {
  name: 'fan-out',
  measure: async (installation, size) => {
    const each = before + commands[size]
    await installation.configure({
      ...{ name: 'bench', source: installation.source(each) },
      targets: Array.from({ length: targets }, (_, number) => ({ kind: 'memory', name: `target-${number}` })),
    })
    const tookMs = await timeEach(each, async (number) => {
      await installation.succeed('/agent/bench/replicate', { paths: [`/content/page-${number}.json`] })
    })
    const { items } = await installation.server.ask<Packages>([200], 'GET', '/replication/packages?limit=500')
    if (items.length !== each) throw new Error(`${each} commands made ${items.length} packages`)
    return [
      { figure: figure('p50'), value: quantile(tookMs.slice(before), 0.5) },
      { figure: figure('p99'), value: quantile(tookMs.slice(before), 0.99) },
    ]
  },
}

function figure(which: string): Figure {
  const goal = which === 'p50' ? { goal: 'one package' } : {}
  return {
    name: `command to delivered, one file to ${targets} targets, ${which}`,
    unit: 'ms',
    better: 'lower',
    ...goal,
  }
}
