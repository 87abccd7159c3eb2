import { ReplicationError } from '../../errors.ts'

/** The same, in a thread: what an aborted signal throws does not survive the way out of one. */
export async function* untilStopped<T>(items: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, void> {
  try {
    yield* items
  } catch (error) {
    throw signal.aborted ? new ReplicationError('unavailable', 'stopped') : error
  }
}
