import type { EventHub } from '../events/hub.ts'
import type { Store } from '../../state/store.ts'
import { commandKey, type Command } from './records.ts'
import { isFinished } from './status.ts'

/**
 * Waits until the command is finished, `waitMs` have passed or the signal aborts, whichever is first, without polling: every
 * end of a part is an event, also when another server made it.
 */
export async function untilFinished(
  parts: { readonly store: Store; readonly events: EventHub },
  command: string,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(waitMs)])
  let woken = false
  let wake: (() => void) | undefined
  const rouse = (): void => {
    woken = true
    wake?.()
  }
  const unlisten = parts.events.listen((event) => {
    if (event.type === 'command.finished' && event.command === command) rouse()
  })
  ended.addEventListener('abort', rouse)
  try {
    for (;;) {
      woken = false
      const found = await parts.store.get<Command>(commandKey(command))
      if (found === undefined || isFinished(found.value) || ended.aborted) return
      if (!woken)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
  } finally {
    unlisten()
    ended.removeEventListener('abort', rouse)
  }
}
