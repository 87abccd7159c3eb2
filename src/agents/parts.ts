import type { Logger } from 'pino'
import type { RowFiles } from '../compare/row-files.ts'
import type { Bounds } from '../endpoints/bounds/bounds.ts'
import type { PackageStore } from '../packages/store.ts'
import type { LaneId } from '../queues/lanes.ts'
import type { Work } from '../queues/work.ts'
import type { Store } from '../state/store.ts'
import type { EventHub } from './events/hub.ts'
import type { Metrics } from './metrics/metrics.ts'
import type { Agent, Roster } from './roster.ts'
import type { ServerHook } from './webhooks/notices.ts'

/** What everything that agents do is made with. */
export interface Parts {
  readonly store: Store
  readonly work: Work
  readonly packages: PackageStore
  /** Comparisons, and what is known of both sides. */
  readonly rowFiles: RowFiles
  readonly roster: Roster
  readonly events: EventHub
  readonly metrics: Metrics
  readonly log: Logger
  /** This installation, as it names itself to others. */
  readonly installation: string
  /** What agents may reach; absent: whatever this process may. */
  readonly bounds?: Bounds
  /** Told of all agents, where the server has such a hook. */
  readonly notify?: ServerHook
  /** Lets each lane of the agent look at its head; with a command, only those whose head is that command's item. */
  readonly wakeLanes: (agent: Agent, command?: string) => Promise<void>
  /** Lets one lane look at its head. */
  readonly wakeLane: (lane: LaneId) => Promise<void>
}
