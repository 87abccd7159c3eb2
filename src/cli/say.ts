import { once } from 'node:events'
import { ReplicationError } from '../errors.ts'

/** To whoever sits there: one line on standard error, for standard output is for data. */
export function say(message: string): void {
  process.stderr.write(`trebuchet: ${message.replaceAll(/\s+/g, ' ')}\n`)
}

/** What goes on, in the words of those who have scripts that read them. */
export function tell(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Data, to standard output; waits while nobody reads. Throws `rejected` when whoever read has gone. */
export async function print(text: string, signal?: AbortSignal): Promise<void> {
  const { stdout } = process
  // Heard by whoever prints next.
  if (stdout.listenerCount('error') === 0) stdout.on('error', () => undefined)
  if (stdout.errored !== null) throw closed(stdout.errored)
  if (stdout.write(text)) return
  try {
    await once(stdout, 'drain', signal === undefined ? {} : { signal })
  } catch (error) {
    signal?.throwIfAborted()
    throw closed(error)
  }
}

function closed(cause: unknown): ReplicationError {
  return new ReplicationError('rejected', 'standard output was closed before everything was written', { cause })
}

/** 12,345 */
export function count(n: number): string {
  // What Intl takes to begin with is a tenth of a short run.
  return String(n).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** 1 resource, 12,345 resources */
export function counted(n: number, noun: string): string {
  return `${count(n)} ${noun}${n === 1 ? '' : 's'}`
}
