import { Agent, request } from 'undici'
import { ReplicationError } from '../errors.ts'
import { waitOf } from './http-caller.ts'
import { shown } from './rest/reply.ts'

/** Only the status of an answer counts; more of its body than this is not even read to keep the connection. */
const maxAnswerBytes = 65_536

const dispatcher = new Agent({ connect: { timeout: 10_000 } })

export interface Posting {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** After so long without an answer it has failed. */
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

export interface Posted {
  readonly status: number
  /** How long the other side asked us to wait. */
  readonly retryAfterMs?: number
}

/** Posts a text once, and follows no redirect. Throws `unavailable` where no answer comes. */
export async function post(url: string, { headers, body, deadlineMs, signal }: Posting): Promise<Posted> {
  const deadline = AbortSignal.timeout(deadlineMs)
  const until = AbortSignal.any([signal, deadline])
  try {
    const answer = await request(url, { method: 'POST', headers: { ...headers }, body, dispatcher, signal: until })
    await answer.body.dump({ limit: maxAnswerBytes, signal: until }).catch(() => undefined)
    const retryAfterMs = waitOf(answer.headers['retry-after'])
    return { status: answer.statusCode, ...(retryAfterMs !== undefined && { retryAfterMs }) }
  } catch (cause) {
    signal.throwIfAborted()
    const why = deadline.aborted ? `within ${deadlineMs / 1000} s` : `(${reasonOf(cause)})`
    throw new ReplicationError('unavailable', `${shown(url)} gave no answer ${why}`, { cause })
  }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return code ?? message
}
