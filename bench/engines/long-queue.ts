import { quantile } from '../markdown.ts'
import { timeEach } from './callers.ts'
import { fill } from './drain.ts'
import type { EngineScenario, Figure } from './figure.ts'

const items = { full: 100_000, quick: 1000 }
const pages = { full: 200, quick: 10 }
const limit = 50

interface Page {
  readonly size: number
  readonly items: readonly unknown[]
  readonly next?: string
}

/** Pages of a long queue, one behind the other, and its exact count. */
export const longQueue: EngineScenario = {
  name: 'long-queue',
  once: true,
  measure: async (installation, size) => {
    const source = installation.source(1)
    await installation.configure({ name: 'bench', source, targets: [{ kind: 'memory', name: 'default' }] })
    await fill(installation, 'bench', await installation.export('bench'), items[size])
    const { server } = installation
    const expect = (what: string, count: number | undefined, expected: number): void => {
      if (count !== expected) throw new Error(`${what} is ${count}, not ${expected}`)
    }
    let cursor = ''
    const pageMs = await timeEach(pages[size], async () => {
      const page = await server.ask<Page>([200], 'GET', `${path}/default?limit=${limit}${cursor}`)
      expect('the size', page.size, items[size])
      expect('the page', page.items.length, limit)
      cursor = page.next === undefined ? '' : `&cursor=${page.next}`
    })
    const countMs = await timeEach(pages[size], async () => {
      const { items: queues } = await server.ask<{ items: readonly { size: number }[] }>([200], 'GET', path)
      expect('the size', queues[0]?.size, items[size])
    })
    const figure = (what: string, which: string, goal?: string): Figure => ({
      name: `with ${items[size].toLocaleString('en')} items: ${what}, ${which}`,
      ...{ unit: 'ms', better: 'lower', ...(goal !== undefined && { goal }) },
    })
    return [
      { figure: figure(`a queue page of ${limit}`, 'p50', '20 ms'), value: quantile(pageMs, 0.5) },
      { figure: figure(`a queue page of ${limit}`, 'p99'), value: quantile(pageMs, 0.99) },
      { figure: figure('exact counts', 'p50', '5 ms'), value: quantile(countMs, 0.5) },
      { figure: figure('exact counts', 'p99'), value: quantile(countMs, 0.99) },
    ]
  },
}

const path = '/replication/agent/bench/queues'
