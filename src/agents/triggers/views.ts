import type { Store } from '../../state/store.ts'
import type { Trigger } from '../config/config.ts'
import type { Agent } from '../roster.ts'
import { marksOf, type TriggerMark } from './records.ts'

/** How one trigger of an agent stands, in the order of its config. */
export interface TriggerView extends TriggerMark {
  readonly kind: Trigger['kind']
  readonly cron?: string
  readonly timezone?: string
  /** The one that it follows. */
  readonly agent?: string
}

export async function viewTriggers(store: Store, { name, config }: Agent): Promise<TriggerView[]> {
  const marks = await store.getAll<TriggerMark>(marksOf(name, config.triggers))
  return config.triggers.map((trigger, i) => ({
    kind: trigger.kind,
    ...(trigger.kind === 'schedule' && { cron: trigger.cron, timezone: trigger.timezone ?? 'UTC' }),
    ...(trigger.kind === 'after' && { agent: trigger.agent }),
    ...marks[i]?.value,
  }))
}
