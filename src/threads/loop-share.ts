import { setImmediate as nextTurn } from 'node:timers/promises'

/** So long one thing may hold the event loop before others have their turn. */
const turnMs = 5

/** Makes work on the event loop that would go on and on, since nothing of it waits, give way to others now and then. */
export class LoopShare {
  #since = performance.now()

  async giveWay(): Promise<void> {
    if (performance.now() - this.#since < turnMs) return
    await nextTurn()
    this.#since = performance.now()
  }
}
