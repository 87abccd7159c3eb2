import { setTimeout as pause } from 'node:timers/promises'
import { EventReader, type Received } from '../test/event-reader.ts'

/** Heartbeats come every 15 s: who is silent for longer is dead, or stopped. */
const silentMs = 20_000
const openMs = 5000

/** Follows the events of the author over all faults, at one server or the other. */
export class Follower {
  readonly events: Received[] = []
  /** Where events were missing, came twice or began anew, as sentences. */
  readonly gaps: string[] = []
  readonly #origins: readonly string[]
  #last = '0'.repeat(16)

  constructor(origins: readonly string[]) {
    this.#origins = origins
  }

  async run(over: () => boolean): Promise<void> {
    for (let turn = 0; !over(); turn++) {
      const reader = await this.#open(this.#origins[turn % this.#origins.length] ?? '')
      if (reader === undefined) {
        await pause(200)
        continue
      }
      let ended = false
      void reader.ended.then(() => (ended = true))
      let read = 0
      for (let heardAt = performance.now(); !ended && !over() && performance.now() - heardAt < silentMs;) {
        await pause(100)
        if (reader.text.length === read) continue
        read = reader.text.length
        heardAt = performance.now()
        this.#take(reader)
      }
      this.#take(reader)
      reader.close()
    }
  }

  #take(reader: EventReader): void {
    for (const event of reader.events.splice(0)) {
      if (event.type === 'reset') this.gaps.push(`a reset behind ${this.#last}: ${JSON.stringify(event.data)}`)
      else if (Number(event.id) !== Number(this.#last) + 1) this.gaps.push(`${event.id} came behind ${this.#last}`)
      this.#last = event.id
      this.events.push(event)
    }
  }

  #open(origin: string): Promise<EventReader | undefined> {
    return new Promise((resolve) => {
      let late = false
      const limit = setTimeout(() => {
        late = true
        resolve(undefined)
      }, openMs)
      EventReader.open(`${origin}/replication/events`, { 'last-event-id': this.#last })
        .then((reader) => {
          if (late) reader.close()
          else resolve(reader)
        })
        .catch(() => resolve(undefined))
        .finally(() => clearTimeout(limit))
    })
  }
}
