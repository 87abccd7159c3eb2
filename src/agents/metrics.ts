import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { sizeOf, type LaneId } from '../queues/lanes.ts'
import type { Store } from '../state/store.ts'
import { driftsOf, driftStates } from './comparisons/drift.ts'
import type { Roster } from './roster.ts'

const seconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800]

/** What this server has done since it started, and how long its queues are now; by agent and target alone. */
export class DeliveryMetrics {
  readonly #deliveries: Counter<'agent' | 'target' | 'result'>
  readonly #duration: Histogram<'agent' | 'target' | 'result'>
  readonly #exports: Histogram<'agent'>

  constructor(registry: Registry, store: Store, roster: Roster) {
    const registers = [registry]
    this.#deliveries = new Counter({
      name: 'trebuchet_deliveries_total',
      help: 'Tries to deliver a package to a target, by how they ended (delivered, failed).',
      labelNames: ['agent', 'target', 'result'],
      registers,
    })
    this.#duration = new Histogram({
      name: 'trebuchet_delivery_duration_seconds',
      help: 'How long a try to deliver a package took.',
      labelNames: ['agent', 'target', 'result'],
      buckets: seconds,
      registers,
    })
    this.#exports = new Histogram({
      name: 'trebuchet_export_duration_seconds',
      help: 'How long it took to read a source and to write the package.',
      labelNames: ['agent'],
      buckets: seconds,
      registers,
    })
    const size = new Gauge({
      name: 'trebuchet_queue_size',
      help: 'Items in the queue, the one in delivery included.',
      labelNames: ['agent', 'target'],
      registers,
      collect: async () => {
        size.reset()
        for await (const agent of roster.all())
          for (const queue of agent.queues)
            size.set({ agent: agent.name, target: queue }, await sizeOf(store, { agent: agent.name, queue }))
      },
    })
    const drift = new Gauge({
      name: 'trebuchet_target_drift',
      help: 'How a target stood when it was last compared as a whole: 0 in sync, 1 behind, 2 diverged.',
      labelNames: ['agent', 'target'],
      registers,
      collect: async () => {
        drift.reset()
        for await (const { name, targets } of roster.all())
          for (const [i, found] of (await driftsOf(store, name, targets)).entries())
            if (found !== undefined)
              drift.set({ agent: name, target: targets[i] ?? '' }, driftStates.indexOf(found.state))
      },
    })
  }

  delivered(lane: LaneId, result: 'delivered' | 'failed', tookSeconds: number): void {
    const labels = { agent: lane.agent, target: lane.queue, result }
    this.#deliveries.inc(labels)
    this.#duration.observe(labels, tookSeconds)
  }

  exported(agent: string, tookSeconds: number): void {
    this.#exports.observe({ agent }, tookSeconds)
  }
}
