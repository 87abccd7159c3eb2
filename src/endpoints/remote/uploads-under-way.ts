import { setTimeout } from 'node:timers/promises'

/** Of an upload of which nothing was heard for so long, and for as long again as it had taken until then, nobody waits for the end. */
const patienceMs = 10_000

interface Upload {
  readonly startedAt: number
  /** When it was last heard of. */
  movedAt: number
  readonly ended: Promise<void>
}

/** What is being sent just now, so that whoever is to send the same to the same server need not: it will be there. */
export class UploadsUnderWay {
  readonly #uploads = new Map<string, Upload>()

  /**
   * Waits while somebody else sends the same, whatever comes of it, but not for one that stands still. Answers false, at once, when nobody
   * does. Rejects when `signal` aborts. `what` names the bytes, where they go, and who may send them there.
   */
  async over(what: string, signal: AbortSignal): Promise<boolean> {
    const upload = this.#uploads.get(what)
    if (upload === undefined) return false
    const waiting = new AbortController()
    const until = AbortSignal.any([signal, waiting.signal])
    try {
      await Promise.race([upload.ended, standstill(upload, until)])
    } catch (error) {
      signal.throwIfAborted()
      throw error
    } finally {
      waiting.abort()
    }
    return true
  }

  /** Sends it, and lets others wait for that. `moved` is to be told of all that goes. */
  async sending<T>(what: string, send: (moved: () => void) => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    let end = (): void => undefined
    const ended = new Promise<void>((resolve) => (end = resolve))
    const upload: Upload = { startedAt, movedAt: startedAt, ended }
    // Who sends although another one does has given that one up.
    this.#uploads.set(what, upload)
    try {
      return await send(() => (upload.movedAt = performance.now()))
    } finally {
      if (this.#uploads.get(what) === upload) this.#uploads.delete(what)
      end()
    }
  }
}

async function standstill(upload: Upload, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { startedAt, movedAt } = upload
    const left = 2 * movedAt - startedAt + patienceMs - performance.now()
    if (left <= 0) return
    await setTimeout(left, undefined, { signal, ref: false })
  }
}
