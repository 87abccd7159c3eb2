import { setTimeout } from 'node:timers/promises'
import type { Pace } from '../endpoints/endpoint.ts'
import { limitAt, type Bandwidth } from './config/bandwidth.ts'
import type { AgentConfig } from './config/config.ts'

/** How often it is looked whether the limit is another. */
const lookMs = 1000

/** What may be sent at once, and what is made up for when it was waited too long. */
const burst = 1 / 8
/** More at once would be sent in one go by nobody. */
const mostAtOnce = 1024 * 1024

/** What tells the time; `now` is in ms since whenever it began. */
export interface Clock {
  readonly now: () => number
  readonly date: () => Date
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>
}

const ourClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  wait: (ms, signal) => setTimeout(ms, undefined, { signal }),
}

type Find = (agent: string) => Promise<{ readonly config: AgentConfig } | undefined>

/** How fast this server may send to each target: all that goes there at the same time shares the limit. */
export class Paces {
  readonly #find: Find
  readonly #clock: Clock
  readonly #paces = new Map<string, LanePace>()
  #sweptAt = 0

  constructor(find: Find, clock = ourClock) {
    this.#find = find
    this.#clock = clock
  }

  /** The limit follows the config; `config` is what is known of it now. */
  of(config: AgentConfig, target: string): Pace {
    this.#sweep()
    const key = `${config.name}/${target}`
    let pace = this.#paces.get(key)
    if (pace === undefined) {
      const look: Look = async () => (await this.#find(config.name))?.config.targets.find(({ name }) => name === target)
      pace = new LanePace(look, this.#clock)
      this.#paces.set(key, pace)
    }
    pace.begins(config, target)
    return pace
  }

  /** What was not used for a while owes nothing any more. */
  #sweep(): void {
    const now = this.#clock.now()
    if (now - this.#sweptAt < 10 * lookMs) return
    this.#sweptAt = now
    for (const [key, pace] of this.#paces) if (now - pace.usedAt > 10 * lookMs) this.#paces.delete(key)
  }
}

type Look = () => Promise<{ readonly bandwidth?: Bandwidth } | undefined>

/** What is sent is owed, and time pays it off. */
class LanePace implements Pace {
  usedAt: number
  readonly #look: Look
  readonly #clock: Clock
  #config: AgentConfig | undefined
  #bandwidth: Bandwidth | undefined
  #rate: number | undefined
  #owed = 0
  #paidAt: number
  #lookedAt: number

  constructor(look: Look, clock: Clock) {
    this.#look = look
    this.#clock = clock
    this.usedAt = this.#paidAt = this.#lookedAt = clock.now()
  }

  get isLimited(): boolean {
    return this.#rate !== undefined
  }

  /** Whoever begins has just read the config; one that was known here before may be older than what was looked up since. */
  begins(config: AgentConfig, target: string): void {
    if (this.#config === config) return
    this.#config = config
    this.#is(config.targets.find(({ name }) => name === target)?.bandwidth)
  }

  async take(wanted: number, signal: AbortSignal): Promise<number> {
    for (;;) {
      signal.throwIfAborted()
      this.#keepUp()
      const rate = this.#rate
      if (rate === undefined) return wanted
      this.#pay(rate)
      if (this.#owed <= 0) {
        const granted = Math.min(wanted, mostAtOnce, Math.ceil(rate * burst))
        this.#owed += granted
        return granted
      }
      await this.#clock.wait(Math.ceil((this.#owed / rate) * 1000), signal)
    }
  }

  #pay(rate: number): void {
    const now = this.#clock.now()
    const most = rate * burst
    // With another limit what was owed under the old one is no more than one go of the new.
    this.#owed = Math.min(Math.max(-most, this.#owed - ((now - this.#paidAt) * rate) / 1000), most)
    this.#paidAt = now
  }

  #is(bandwidth: Bandwidth | undefined): void {
    this.#bandwidth = bandwidth
    this.#rate = limitAt(bandwidth, this.#clock.date())
  }

  /** Nobody waits for it: what cannot be known now stays as it was. */
  #keepUp(): void {
    this.usedAt = this.#clock.now()
    if (this.usedAt - this.#lookedAt < lookMs) return
    this.#lookedAt = this.usedAt
    this.#is(this.#bandwidth)
    this.#look().then(
      (target) => {
        // An upload that goes on behind its target's end goes on as it did.
        if (target !== undefined) this.#is(target.bandwidth)
      },
      () => undefined,
    )
  }
}
