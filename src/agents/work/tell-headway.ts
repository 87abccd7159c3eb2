import { stillHeld } from '../../queues/lanes.ts'
import type { Check } from '../../state/store.ts'
import { eventWrites, type ReplicationEvent } from '../events/events.ts'
import { exportHeadwayKey, headwayKey, type Headway } from '../commands/headway.ts'
import { entryKey, type HistoryEntry } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'

/** What is over before this has nothing to tell; whatever goes on tells it once in as long. */
const everyMs = 1000

/** How far it is now. */
type Now = Pick<Headway, 'phase' | 'entries' | 'bytes' | 'totalEntries' | 'totalBytes'>

interface About {
  readonly key: string
  readonly event: Pick<ReplicationEvent, 'type' | 'agent' | 'command' | 'target'>
  /** What must hold for anybody to be told; undefined when it is no longer ours to tell. */
  readonly fence: () => Promise<readonly Check[] | undefined> | readonly Check[]
}

/**
 * Tells now and then how far something is, as an entry and an event in one batch. What is told is only news: nothing waits for it, and
 * nothing fails when it cannot be told.
 */
export class HeadwayTeller {
  readonly #parts: Pick<Parts, 'store' | 'log'>
  readonly #about: About
  readonly #startedAt = new Date().toISOString()
  #timer: NodeJS.Timeout
  #now: Now | undefined
  #told: Now | undefined
  #telling: Promise<void> | undefined
  #isOver = false

  constructor(parts: Pick<Parts, 'store' | 'log'>, about: About) {
    this.#parts = parts
    this.#about = about
    this.#timer = setTimeout(() => this.#tick(), everyMs)
  }

  is(now: Now): void {
    this.#now = now
  }

  /** Until this has ended, however it does: nothing is told afterwards. */
  async during<T>(work: Promise<T>): Promise<T> {
    try {
      return await work
    } finally {
      await this.#end()
    }
  }

  async #end(): Promise<void> {
    this.#isOver = true
    clearTimeout(this.#timer)
    await this.#telling
    if (this.#told !== undefined)
      await this.#say(async (checks) => {
        const { key } = this.#about
        await this.#parts.store.commit({ checks, writes: [{ delete: key }] })
      })
  }

  #tick(): void {
    if (this.#now === this.#told) this.#again()
    else this.#telling = this.#tell(this.#now as Now).then(() => this.#again())
  }

  #again(): void {
    if (!this.#isOver) this.#timer = setTimeout(() => this.#tick(), everyMs)
  }

  async #tell(now: Now): Promise<void> {
    const { key, event } = this.#about
    await this.#say(async (checks) => {
      const at = new Date().toISOString()
      const headway: Headway = { ...now, startedAt: this.#startedAt, at }
      const writes = [{ put: key, value: headway }, ...eventWrites({ ...event, at, data: headway })]
      // It may be there although the answer is lost.
      this.#told = now
      await this.#parts.store.commit({ checks, writes })
    })
  }

  async #say(commit: (checks: readonly Check[]) => Promise<void>): Promise<void> {
    try {
      const checks = await this.#about.fence()
      if (checks !== undefined) await commit(checks)
    } catch (err) {
      this.#parts.log.debug({ ...this.#about.event, err }, 'progress not told')
    }
  }
}

/** Of a try of a delivery. */
export function deliveryTeller(parts: Pick<Parts, 'store' | 'log'>, { lane, epoch, delivery }: Begun): HeadwayTeller {
  const { command, agent, target } = delivery
  return new HeadwayTeller(parts, {
    key: headwayKey(command, agent, target),
    event: { type: 'delivery.progress', agent, command, target },
    fence: () => stillHeld(lane, epoch),
  })
}

/** Of an export, `tries` being how many of it have begun with this one. */
export function exportTeller(
  parts: Pick<Parts, 'store' | 'log'>,
  command: string,
  agent: string,
  tries: number,
): HeadwayTeller {
  return new HeadwayTeller(parts, {
    key: exportHeadwayKey(command, agent),
    event: { type: 'export.progress', agent, command },
    fence: async () => {
      const entry = await parts.store.get<HistoryEntry>(entryKey(command, agent))
      return entry?.value.exports === tries ? [{ key: entry.key, version: entry.version }] : undefined
    },
  })
}
