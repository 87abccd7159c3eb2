import { errorView, ReplicationError } from '../../errors.ts'
import type { Check, Write } from '../../state/store.ts'
import { span } from '../../tracing/span.ts'
import { accept, type CommandRequest } from '../commands/accept.ts'
import type { Cause, Command } from '../commands/records.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

/** How long a firing waits that nothing but time can help, unless it is told otherwise. */
const waitMs = 5000

export type Begin = (command: Command) => Promise<void>

/** What one trigger asks of its agent. */
export interface Firing extends Pick<CommandRequest, 'action' | 'mode' | 'deep' | 'full' | 'verify' | 'paths'> {
  readonly cause: Cause
  /** What moves in the same batch as the acceptance: this is how a firing is neither lost nor doubled. */
  readonly alongside: NonNullable<CommandRequest['alongside']>
}

export type Fired =
  | { readonly taken: true; readonly command: Command }
  /** Another server was faster, or the config has changed. */
  | { readonly taken: false; readonly lost: true }
  | { readonly taken: false; readonly error: ReplicationError; readonly waitMs: number | undefined }

/** Asks the agent; when it takes the command, that begins. `waitMs`: when it may be worth asking again. */
export async function fire(parts: Parts, agent: string, firing: Firing, begin: Begin): Promise<Fired> {
  const { trigger, agent: cause } = firing.cause
  let outcome
  try {
    outcome = await span('trigger', { agent, trigger }, undefined, ({ traceparent }) =>
      accept(parts.store, parts.roster, {
        ...firing,
        ...{ kind: 'replicate', agents: [agent] },
        actor: `trigger:${trigger}${cause === undefined ? '' : `:${cause}`}`,
        ...(traceparent !== undefined && { traceparent }),
      }),
    )
  } catch (error) {
    // A Store that is away may have taken it all the same: whoever asks again looks first.
    if (!(error instanceof ReplicationError) || error.transient) throw error
    return { taken: false, error, waitMs: undefined }
  }
  if (outcome.taken) {
    parts.log.info({ agent, command: outcome.command.id, ...firing.cause }, 'trigger fired')
    await begin(outcome.command)
    return outcome
  }
  if ('lost' in outcome) return outcome
  const { error } = outcome
  return { taken: false, error, waitMs: error.transient ? (error.retryAfterMs ?? waitMs) : undefined }
}

/**
 * Says in the agent's log that a firing came to nothing or waits, together with what else follows from it. Nothing is said of an agent
 * that has changed meanwhile, or when a check fails.
 */
export async function tell(
  { store }: Parts,
  agent: Agent,
  type: 'trigger.failed' | 'trigger.waiting',
  { cause, error, checks = [], writes = [] }: TellOf,
): Promise<void> {
  const data = { ...cause, error: errorView(error) }
  await store.commit({
    checks: [{ key: agent.key, version: agent.version }, ...checks],
    writes: [...writes, ...eventWrites({ type, at: new Date().toISOString(), agent: agent.name, data })],
  })
}

interface TellOf {
  readonly cause: Cause
  readonly error: ReplicationError
  readonly checks?: readonly Check[]
  readonly writes?: readonly Write[]
}
