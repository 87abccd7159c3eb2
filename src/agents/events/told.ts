import type { Logger } from 'pino'
import { originOf, type ErrorView } from '../../errors.ts'
import type { Batch, Store, Write } from '../../state/store.ts'
import { levelOf } from './agent-log.ts'
import { eventsLog, untold, words, type ReplicationEvent } from './events.ts'

/**
 * The same Store, whose commits leave one line in the process's log for each event that they tell of, once it is durable: in the
 * words of the agent's own log, and never for what did not come to be. What that log leaves out is `debug`.
 */
export function told(store: Store, log: Logger): Store {
  return {
    get: (key) => store.get(key),
    getAll: (keys) => store.getAll(keys),
    range: (range) => store.range(range),
    commit: async (batch: Batch) => {
      const committed = await store.commit(batch)
      if (committed.ok) for (const write of batch.writes) tell(log, write)
      return committed
    },
    follow: (name, after, signal) => store.follow(name, after, signal),
    last: (name) => store.last(name),
    close: () => store.close(),
  }
}

function tell(log: Logger, write: Write): void {
  if (!('append' in write) || write.append !== eventsLog) return
  const event = write.value as ReplicationEvent
  const level = untold.has(event.type) ? 'debug' : levelOf(event)
  if (!log.isLevelEnabled(level)) return
  const { type, at: _, data, ...about } = event
  const { error } = (data ?? {}) as { readonly error?: ErrorView }
  const err = error === undefined ? undefined : originOf(error)
  log[level]({ ...about, ...data, ...(err !== undefined && { err }) }, words[type])
}
