import { quantile } from '../markdown.ts'
import { timeEach } from './callers.ts'
import type { EngineScenario, Figure } from './figure.ts'

const commands = { full: 300, quick: 30 }
const before = 20

/** One small file after the other, each from the call with `Prefer: wait` to the answer that says that it is delivered. */
export const latency: EngineScenario = {
  name: 'latency',
  measure: async (installation, size) => {
    const each = before + commands[size]
    const source = installation.source(2 * each)
    const measured = []
    for (const [index, kind] of ['memory', 'directory'].entries()) {
      const target = kind === 'directory' ? { kind, path: installation.target(kind) } : { kind }
      await installation.configure({ name: kind, source, targets: [{ ...target, name: 'default' }] })
      // Its own file each time: a package that is there already would not be written again.
      const replicate = async (number: number): Promise<void> => {
        const paths = [`/content/page-${index * each + number}.json`]
        await installation.succeed(`/agent/${kind}/replicate`, { paths })
      }
      const tookMs = (await timeEach(each, replicate)).slice(before)
      measured.push(
        { figure: figure(kind, 'p50', 'p50 25 ms'), value: quantile(tookMs, 0.5) },
        { figure: figure(kind, 'p99', 'p99 100 ms'), value: quantile(tookMs, 0.99) },
      )
    }
    return measured
  },
}

function figure(kind: string, which: string, goal: string): Figure {
  return { name: `command to delivered, one file to a ${kind}, ${which}`, unit: 'ms', better: 'lower', goal }
}
