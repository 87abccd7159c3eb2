import type { Write } from '../../state/store.ts'

/** The one ordered log of what happens, from which event streams, waiting callers and other servers learn. */
export const eventsLog = 'events'

/** What a line about it says, in the log of the process and in that of the agent. */
export const words = {
  'command.accepted': 'command accepted',
  'command.finished': 'command finished',
  'command.cancelled': 'command cancelled',
  'command.retried': 'command queued again',
  'command.reverted': 'command undone',
  'package.ready': 'package ready',
  'export.progress': 'export goes on',
  'export.retrying': 'export failed',
  'export.failed': 'export failed',
  'delivery.started': 'delivery started',
  'delivery.progress': 'delivery goes on',
  'delivery.retrying': 'delivery failed',
  'delivery.delivered': 'delivery applied',
  'delivery.failed': 'delivery failed',
  'delivery.skipped': 'delivery skipped',
  'delivery.cancelled': 'delivery cancelled',
  'delivery.moved': 'delivery moved back',
  'delivery.hastened': 'delivery hastened',
  'queue.blocked': 'queue blocked',
  'queue.recovered': 'queue recovered',
  'queue.paused': 'queue paused',
  'queue.resumed': 'queue resumed',
  'agent.paused': 'agent paused',
  'agent.resumed': 'agent resumed',
  'comparison.created': 'source and target compared',
  'drift.found': 'drift found',
  'drift.ended': 'drift ended',
  'command.approved': 'command approved',
  'version.created': 'new version made',
  'config.changed': 'config changed',
  'trigger.missed': 'missed firing made up',
  'trigger.waiting': 'trigger waits',
  'trigger.failed': 'trigger fired in vain',
  'hook.sent': 'hook called',
  'hook.failed': 'call of a hook failed',
  'hook.replayed': 'hook to be called again',
} as const

export type EventType = keyof typeof words
export const eventTypes = Object.keys(words) as EventType[]

export interface ReplicationEvent {
  readonly type: EventType
  /** RFC 3339, UTC. */
  readonly at: string
  readonly agent: string
  /** Who asked for it, where somebody did. */
  readonly actor?: string
  readonly command?: string
  readonly target?: string
  /** Of the trace that the command belongs to, while traces are made. */
  readonly traceId?: string
  /** The agents that are to take it up. For the servers alone: a reader need not see these agents. */
  readonly followers?: readonly string[]
  /** Whatever else the type has to say; small, and without secrets. */
  readonly data?: object
}

/** An event with its place in the log: each has the next number. */
export interface LoggedEvent {
  readonly sequence: number
  readonly event: ReplicationEvent
}

/** Each agent has a log of its own beside, which another agent's bustle does not wash away. */
export const agentLog = (agent: string): string => `agent-log/${agent}`

/** The log of an agent leaves out what its other lines, or its history, say again: each line costs a share of a commit. */
export const untold: ReadonlySet<EventType> = new Set([
  ...(['command.accepted', 'command.finished', 'export.progress', 'delivery.started', 'delivery.progress'] as const),
])

/** The writes that belong into the batch of what happened. */
export function eventWrites(event: ReplicationEvent): Write[] {
  const append: Write = { append: eventsLog, value: event }
  return untold.has(event.type) ? [append] : [append, { append: agentLog(event.agent), value: event }]
}
