import { setTimeout as pause } from 'node:timers/promises'
import { post, reasonOf } from '../../endpoints/http-post.ts'
import { errorView } from '../../errors.ts'

const deadlineMs = 10_000

interface Heartbeat {
  /** A secret: whoever has it can say that this server is well. */
  readonly url: string
  readonly everyMs: number
  /** Why it is not well, or undefined. May throw instead. */
  readonly trouble: () => Promise<string | undefined>
  readonly log: Readonly<Record<'info' | 'warn', (facts: object, words: string) => void>>
}

/**
 * Calls the URL as long as the server is well, so that whoever expects the calls learns when they stop, whatever has ended. Holds
 * up nothing; of what goes wrong it tells once, until it goes well again. Answers how to end it.
 */
export function startHeartbeat({ url, everyMs, trouble, log }: Heartbeat): () => Promise<void> {
  const closing = new AbortController()
  const { signal } = closing
  const to = new URL(url).origin
  let silent: string | undefined
  const beat = async (): Promise<string | undefined> => {
    const ill = await trouble().catch((error: unknown) => errorView(error).detail)
    if (ill !== undefined) return ill
    try {
      // GET is what all who expect such calls take.
      const { status } = await post(url, { method: 'GET', name: to, headers: {}, deadlineMs, signal })
      return status < 400 ? undefined : `${to} answered ${status}`
    } catch (error) {
      return reasonOf(error)
    }
  }
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const begun = performance.now()
      const why = await beat()
      if (signal.aborted) return
      if (why === undefined && silent !== undefined) log.info({ to }, 'heartbeat goes on')
      if (why !== undefined && silent === undefined) log.warn({ to, reason: why }, 'heartbeat fails')
      silent = why
      await pause(Math.max(0, everyMs - (performance.now() - begun)), undefined, { signal }).catch(() => undefined)
    }
  }
  const running = run()
  return async () => {
    closing.abort()
    await running
  }
}
