import { ReplicationError } from '../errors.ts'
import { say } from './say.ts'

/** What a run may end with beside 0; docs/COMMAND-LINE.md says the same to users. */
export const exitCodes = { failed: 1, usage: 2, differs: 2, conflict: 3, partly: 4, timeout: 124 } as const

/** Ends the run with this code; its message, if it has one, is the last thing that is said. */
export class Ending extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message = '', options: { readonly cause?: unknown } = {}) {
    super(message, options)
    this.exitCode = exitCode
  }
}

export function usage(message: string): Ending {
  return new Ending(exitCodes.usage, message)
}

/**
 * Runs a command to its end, and says in one line why it did not succeed. SIGINT and SIGTERM abort it with `interrupted`, and are
 * its exit code (130, 143); a second one ends it at once.
 */
export async function guarded(
  interrupted: string,
  work: (signal: AbortSignal) => Promise<number | void>,
): Promise<void> {
  const abort = new AbortController()
  let killed: number | undefined
  const interrupt = (signal: NodeJS.Signals): void => {
    killed = signal === 'SIGINT' ? 130 : 143
    abort.abort(new ReplicationError('conflict', interrupted))
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt)
  try {
    process.exitCode = (await work(abort.signal)) ?? 0
  } catch (error) {
    process.exitCode = error instanceof Ending ? error.exitCode : exitCodes.failed
    const reason =
      abort.signal.aborted && !(error instanceof Ending) ? (abort.signal.reason as Error) : (error as Error)
    if (reason.message !== '') say(reason.message)
  } finally {
    if (killed !== undefined) process.exitCode = killed
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
}
