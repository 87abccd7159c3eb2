import { signal } from '@preact/signals'
import { problemOf } from '../data/api.ts'

interface Notice {
  readonly id: number
  readonly text: string
  readonly isFailure: boolean
}

const notices = signal<readonly Notice[]>([])
let lastId = 0
const shownMs = 6000

/** Says what came of something that was done. Failures stay until somebody has seen them. */
export function notify(text: string, isFailure = false): void {
  const id = ++lastId
  notices.value = [...notices.value.slice(-4), { id, text, isFailure }]
  if (!isFailure) setTimeout(() => dismiss(id), shownMs)
}

/** Does something and says what came of it; answers whether it was done. */
export async function attempt(done: string, act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act()
    notify(done)
    return true
  } catch (error) {
    notify(problemOf(error).message, true)
    return false
  }
}

function dismiss(id: number): void {
  notices.value = notices.value.filter((one) => one.id !== id)
}

export function Notices(): preact.JSX.Element {
  return (
    <div class="notices" role="log" aria-label="Notices" aria-live="polite">
      {notices.value.map(({ id, text, isFailure }) => (
        <p key={id} class={isFailure ? 'bad' : 'good'}>
          {text}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ✕
          </button>
        </p>
      ))}
    </div>
  )
}
