import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../../errors.ts'

const maxMs = 50

/** Lets a thread that works with synchronous calls hear, now and then, that it shall stop. */
export class Breath {
  readonly #signal: AbortSignal
  #last = performance.now()

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  get due(): boolean {
    return performance.now() - this.#last > maxMs
  }

  /** Throws when the job was aborted; to be awaited when due. */
  async take(): Promise<void> {
    await setImmediate()
    this.#last = performance.now()
    // The signal's own reason does not survive the way out of a thread.
    if (this.#signal.aborted) throw new ReplicationError('unavailable', 'stopped')
  }
}
