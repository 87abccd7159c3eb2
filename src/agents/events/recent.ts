import { Bell } from '../../state/bell.ts'
import type { LoggedEvent } from './events.ts'

/** What is held at most: enough for a reader that pauses for a moment, and little for all of them together. */
const limits = { events: 2048, chars: 1_000_000 }

/**
 * The newest events, in memory while anybody holds them, so that all readers of a process share what one follower of the
 * log has read. There is no gap in what is held: `start` is the place before the first, `newest` that of the last.
 */
export class RecentEvents {
  readonly #limits: typeof limits
  readonly #bell = new Bell()
  readonly #losers = new Set<{ readonly position: number; readonly onLoss: () => void }>()
  #holders = 0
  #events: { readonly one: LoggedEvent; readonly chars: number }[] = []
  #chars = 0
  #start = 0
  #newest = 0
  #era = 0
  #ringing = false

  constructor(most = limits) {
    this.#limits = most
  }

  get newest(): number {
    return this.#newest
  }

  /** Another one: the log may be another than before, and who stands somewhere in it must look whether he still does. */
  get era(): number {
    return this.#era
  }

  /** The log goes on behind this place, and nothing before it is held. */
  begin(newest: number): void {
    this.#clear(newest)
    this.#newest = newest
    this.#era++
    this.#ring()
  }

  push(one: LoggedEvent): void {
    // Where others have been removed meanwhile, what is held begins anew.
    if (one.sequence !== this.#newest + 1) this.#clear(one.sequence - 1)
    this.#newest = one.sequence
    if (this.#holders === 0) {
      this.#start = one.sequence
      return
    }
    const chars = JSON.stringify(one.event).length
    this.#events.push({ one, chars })
    this.#chars += chars
    while (this.#events.length > this.#limits.events || this.#chars > this.#limits.chars) {
      this.#chars -= this.#events.shift()?.chars ?? 0
      this.#start++
    }
    this.#tellLosers()
    this.#ring()
  }

  /** From now on events are held, until all who hold them have let go. Answers how to do that. */
  hold(): () => void {
    let held = true
    this.#holders++
    return () => {
      if (!held) return
      held = false
      if (--this.#holders === 0) this.#clear(this.#newest)
    }
  }

  /** The next events behind the place, none when there are none yet; undefined when they are not held. */
  behind(position: number, most: number): readonly LoggedEvent[] | undefined {
    if (position < this.#start) return undefined
    const from = position - this.#start
    return this.#events.slice(from, from + most).map(({ one }) => one)
  }

  /** Until there may be something behind the place. Look first, and wait in the same turn. Never rejects. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#bell.wait('', signal)
  }

  /** Calls back once when what is behind the place is no longer held. Answers how to stop that. */
  onLoss(position: number, onLoss: () => void): () => void {
    const loser = { position, onLoss }
    this.#losers.add(loser)
    return () => this.#losers.delete(loser)
  }

  #clear(start: number): void {
    this.#events = []
    this.#chars = 0
    this.#start = start
    this.#tellLosers()
  }

  #tellLosers(): void {
    for (const loser of this.#losers)
      if (loser.position < this.#start) {
        this.#losers.delete(loser)
        loser.onLoss()
      }
  }

  /** Once for all that come in one turn. */
  #ring(): void {
    if (this.#ringing) return
    this.#ringing = true
    setImmediate(() => {
      this.#ringing = false
      this.#bell.ringAll()
    })
  }
}
