import type { PlacedItem } from '../../queues/lanes.ts'
import type { Store } from '../../state/store.ts'
import {
  commandKey,
  deliveryKey,
  entryKey,
  type Command,
  type Delivery,
  type HistoryEntry,
} from '../commands/records.ts'

/** What the Store knows of an item. */
export interface Records {
  readonly delivery?: Delivery
  readonly entry?: HistoryEntry
  readonly command?: Command
}

export async function recordsOf(store: Store, agent: string, items: readonly PlacedItem[]): Promise<Records[]> {
  const keys = items.flatMap(({ value: { command, target } }) => [
    deliveryKey(command, agent, target),
    entryKey(command, agent),
    commandKey(command),
  ])
  const found = await store.getAll(keys)
  return items.map((_, i) => {
    const [delivery, entry, command] = found.slice(3 * i, 3 * i + 3)
    return {
      ...(delivery !== undefined && { delivery: delivery.value as Delivery }),
      ...(entry !== undefined && { entry: entry.value as HistoryEntry }),
      ...(command !== undefined && { command: command.value as Command }),
    }
  })
}
