import { driftStates } from '../agents/comparisons/drift.ts'
import { Type } from '../resources/type.ts'
import { errorView, packageId, time } from './command-schemas.ts'

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })

const summary = {
  name: Type.String(),
  state: Type.Enum(['paused', 'blocked', 'retrying', 'running', 'idle', 'passive']),
  size: Type.Integer({ minimum: 0, description: 'Every item, those preparing and the one in delivery included.' }),
  oldestAt: Type.Optional(time),
  blockedBy: Type.Optional(
    Type.Object(
      { item: Type.String(), attempts: count, error: errorView, nextAttemptAt: Type.Optional(time) },
      { ...closed, description: "There from the head's first failure until it ends." },
    ),
  ),
  pausedBy: Type.Optional(
    Type.Object(
      { at: time, actor: Type.String(), reason: Type.Optional(Type.String()) },
      { ...closed, description: 'Who paused it, or its agent.' },
    ),
  ),
  limitBytesPerSecond: Type.Optional(
    Type.Integer({
      minimum: 1,
      description: 'How fast packages are sent to its target now; there while it is limited.',
    }),
  ),
  diverged: Type.Optional(
    Type.Object(
      { since: time, command: Type.String(), actor: Type.String(), reason: Type.Optional(Type.String()) },
      {
        ...closed,
        description: 'There since an item was skipped, until a comparison shows that both sides are equal.',
      },
    ),
  ),
}
export const queueSummary = Type.Object(summary, { ...closed, title: 'QueueSummary' })

export const itemStates = ['preparing', 'waiting', 'active', 'retrying', 'leased', 'failed'] as const

const item = {
  id: Type.String(),
  command: Type.String(),
  package: Type.Optional(packageId),
  action: Type.Enum(['add', 'delete', 'test']),
  paths: Type.Array(Type.String(), { description: 'The first of them; pathCount says how many there are.' }),
  pathCount: count,
  entries: count,
  bytes: count,
  actor: Type.String(),
  state: Type.Enum(itemStates),
  attempts: count,
  error: Type.Optional(errorView),
  enqueuedAt: time,
  nextAttemptAt: Type.Optional(time),
}
const itemView = Type.Object(item, { ...closed, title: 'Item' })

export const queuePage = Type.Object(
  { ...summary, items: Type.Array(itemView), next: Type.Optional(Type.String()) },
  { ...closed, title: 'Queue' },
)

export const itemDetail = Type.Object(
  {
    ...item,
    tries: Type.Array(
      Type.Object(
        { attempt: count, startedAt: time, finishedAt: Type.Optional(time), error: Type.Optional(errorView) },
        closed,
      ),
      { description: 'The newest tries, at most 20.' },
    ),
  },
  { ...closed, title: 'ItemDetail' },
)

const trigger = Type.Object(
  {
    kind: Type.Enum(['schedule', 'after', 'watch']),
    cron: Type.Optional(Type.String()),
    timezone: Type.Optional(Type.String()),
    agent: Type.Optional(Type.String({ description: 'The one that it follows.' })),
    nextAt: Type.Optional(time),
    lastFiredAt: Type.Optional(time),
    lastCommand: Type.Optional(Type.String({ description: 'The newest command that it fired.' })),
    missed: Type.Optional(
      Type.Integer({ minimum: 1, description: 'How many firings the last one made up for, itself included.' }),
    ),
    watchingSince: Type.Optional(time),
    error: Type.Optional(errorView),
  },
  { ...closed, title: 'TriggerState' },
)

export const agentSummary = Type.Object(
  {
    name: Type.String(),
    enabled: Type.Boolean(),
    state: Type.Enum(['disabled', 'failed', 'paused', 'blocked', 'retrying', 'running', 'idle']),
    reason: Type.Optional(Type.String()),
    queues: Type.Array(queueSummary),
    lastCommand: Type.Optional(
      Type.Object(
        {
          id: Type.String(),
          kind: Type.String(),
          action: Type.String(),
          state: Type.String(),
          createdAt: time,
          finishedAt: Type.Optional(time),
        },
        closed,
      ),
    ),
    drift: Type.Array(
      Type.Object(
        {
          target: Type.String(),
          state: Type.Enum(driftStates),
          comparison: Type.String(),
          at: time,
          since: time,
          equalAt: Type.Optional(time),
        },
        { ...closed, title: 'Drift' },
      ),
      { description: 'How its targets stood when they were last compared as a whole.' },
    ),
    triggers: Type.Array(trigger, { description: 'In the order of its config.' }),
    counters: Type.Object({ commands: count, delivered: count, failedAttempts: count }, closed),
    throughput: Type.Array(count, {
      description:
        'How much was delivered in each of the last 12 hours, oldest first, with the one that is not over yet.',
    }),
  },
  { ...closed, title: 'Agent' },
)

export const throughput = Type.Object(
  {
    items: Type.Array(
      Type.Object(
        {
          at: { ...time, description: 'When the hour began.' },
          delivered: count,
          failed: Type.Integer({ minimum: 0, description: 'Tries that have failed.' }),
          entries: count,
          bytes: count,
        },
        closed,
      ),
      { description: 'Oldest first; the last is the hour that is not over yet.' },
    ),
  },
  { ...closed, title: 'Throughput' },
)

export const testSteps = Type.Object(
  {
    ok: Type.Boolean(),
    steps: Type.Array(
      Type.Object(
        { step: Type.String(), ok: Type.Boolean(), detail: Type.Optional(Type.String()), durationMs: count },
        closed,
      ),
    ),
  },
  { ...closed, title: 'TargetTest' },
)
