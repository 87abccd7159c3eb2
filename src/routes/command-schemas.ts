import type { Static, TSchema } from 'typebox'
import { namePattern } from '../agents/config/config.ts'
import { headwayPhases } from '../agents/commands/headway.ts'
import { eventTypes } from '../agents/events/events.ts'
import { runStates, targetStates, verbs } from '../agents/commands/records.ts'
import { Type } from '../resources/type.ts'

const closed = { additionalProperties: false } as const
export const time = Type.String({ format: 'date-time', description: 'RFC 3339, UTC.' })
export const packageId = Type.String({ pattern: '^sha256-[0-9a-f]{64}$' })
export const agentName = Type.String({ pattern: namePattern })
const count = Type.Integer({ minimum: 0 })
const runState = Type.Enum(runStates)

const full = Type.Boolean({ description: 'All is sent, also what the targets are known to hold. With action add.' })
const verify = Type.Boolean({
  description: 'All is read anew, at the source and at the targets, whatever is remembered of it. With action add.',
})
/** Of replicate, and of what comes of it. */
export const sending = { full: Type.Optional(full), verify: Type.Optional(verify) }

export const reason = Type.String({ minLength: 1, maxLength: 1000, description: 'Why; kept in the history.' })
/** The body of a verb for which nobody need give a reason, and may send nothing. */
export const mayReason = Type.Union([Type.Null(), Type.Object({ reason: Type.Optional(reason) }, closed)])
export type MayReason = Static<typeof mayReason> | undefined

export const errorView = Type.Object({ code: Type.String(), detail: Type.String() }, { title: 'Error', ...closed })

const statusList = Type.Array(
  Type.Object(
    { agent: Type.String(), status: Type.Enum(['queued', 'error']), error: Type.Optional(errorView) },
    { title: 'AgentStatus', ...closed },
  ),
)

export const accepted = Type.Object(
  { id: Type.String(), statusList },
  { ...closed, description: 'Durable: it will be carried out, in order.' },
)

const receipt = Type.Object(
  {
    delivery: Type.String(),
    package: packageId,
    entries: count,
    bytes: count,
    appliedAt: time,
    detail: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
  },
  { ...closed, title: 'Receipt', description: "The target's own word that it has applied the delivery." },
)

const decision = Type.Object(
  {
    verb: Type.Enum(verbs),
    at: time,
    actor: Type.String(),
    reason: Type.Optional(Type.String()),
  },
  { ...closed, title: 'Decision', description: 'What somebody decided about the item, and why.' },
)

const progress = Type.Object(
  {
    phase: Type.Enum(headwayPhases),
    entries: count,
    bytes: Type.Integer({
      minimum: 0,
      description: 'While it is sent, of the package as it travels; else of contents.',
    }),
    totalEntries: Type.Optional(count),
    totalBytes: Type.Optional(count),
    startedAt: time,
    at: time,
  },
  { ...closed, title: 'Progress', description: 'There while it goes on, if it takes longer than a second.' },
)

const target = Type.Object(
  {
    target: Type.String(),
    state: Type.Enum(targetStates),
    attempts: count,
    nextAttemptAt: Type.Optional(time),
    error: Type.Optional(errorView),
    entries: count,
    bytes: count,
    applied: Type.Optional(
      Type.Object(
        { parts: count, entries: count, bytes: count },
        { ...closed, description: 'Of a tree in several packages: what the target has of it, while that is not all.' },
      ),
    ),
    brought: Type.Optional(
      Type.Object(
        { parts: count, entries: count, bytes: count },
        {
          ...closed,
          description:
            'Of a mirror in several packages: what another server has been sent of it, and has not applied yet.',
        },
      ),
    ),
    startedAt: Type.Optional(time),
    finishedAt: Type.Optional(time),
    receipt: Type.Optional(receipt),
    progress: Type.Optional(progress),
    decisions: Type.Optional(Type.Array(decision, { description: 'The newest 20, oldest first.' })),
  },
  { ...closed, title: 'Target' },
)
const targets = Type.Array(target)
const notes = Type.Optional(Type.Array(Type.String(), { description: 'What was passed over, and why.' }))
const action = Type.Enum(['add', 'delete', 'test'])
const mode = Type.Enum(['update', 'mirror'])

const cause = Type.Object(
  {
    trigger: Type.Enum(['schedule', 'after', 'watch']),
    dueAt: Type.Optional(time),
    missed: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'How many firings it makes up for, itself included, when it comes late.',
      }),
    ),
    command: Type.Optional(Type.String({ description: 'The command that was delivered.' })),
    agent: Type.Optional(Type.String({ description: 'Who delivered it.' })),
  },
  { ...closed, title: 'Cause', description: 'Of a command that a trigger fired.' },
)

const application = Type.Object(
  {
    comparison: Type.String(),
    writes: count,
    deletes: count,
    overrideGuard: Type.Optional(Type.String({ description: 'Why more is deleted than the guard admits.' })),
    reverts: Type.Optional(Type.String({ description: 'The command that this one undoes.' })),
  },
  { ...closed, title: 'Application', description: 'Of a command that applies a comparison.' },
)

const approval = Type.Object(
  {
    state: Type.Enum(['needed', 'given']),
    by: Type.Optional(Type.String()),
    at: Type.Optional(time),
    reason: Type.Optional(Type.String()),
  },
  { ...closed, title: 'Approval', description: 'While it is needed the command waits in no queue.' },
)

export const commandView = Type.Object(
  {
    id: Type.String(),
    kind: Type.Enum(['replicate', 'export', 'import']),
    action,
    paths: Type.Array(Type.String()),
    deep: Type.Boolean(),
    mode,
    ...sending,
    state: runState,
    createdAt: time,
    finishedAt: Type.Optional(time),
    actor: Type.String(),
    cause: Type.Optional(cause),
    application: Type.Optional(application),
    approval: Type.Optional(approval),
    delivery: Type.Optional(Type.String({ description: 'The delivery of another server that this serves.' })),
    agents: Type.Array(
      Type.Object(
        {
          agent: Type.String(),
          status: Type.Enum([...runStates, 'error']),
          package: Type.Optional(packageId),
          parts: Type.Optional(
            Type.Object(
              {
                done: Type.Integer({ minimum: 0, description: 'So many have all targets applied.' }),
                total: Type.Integer({ minimum: 1, description: 'So many there are, or are so far.' }),
                more: Type.Optional(
                  Type.Literal(true, { description: 'The tree is still being read, and may have more.' }),
                ),
              },
              { ...closed, description: 'Of a tree in several packages.' },
            ),
          ),
          delta: Type.Optional(
            Type.Object(
              { files: count, bytes: count },
              {
                ...closed,
                description:
                  'There where only that was sent which some target was not known to hold: how much that is.',
              },
            ),
          ),
          error: Type.Optional(errorView),
          notes,
          progress: Type.Optional(progress),
          targets,
        },
        closed,
      ),
    ),
  },
  { ...closed, title: 'Command' },
)

export const timelineItem = Type.Object(
  {
    type: Type.Enum(eventTypes),
    at: time,
    agent: Type.String(),
    target: Type.Optional(Type.String()),
    actor: Type.Optional(Type.String()),
    data: Type.Optional(Type.Object({}, { additionalProperties: true, description: 'What else its type has to say.' })),
  },
  { ...closed, title: 'TimelineItem' },
)

export const historyEntry = Type.Object(
  {
    id: Type.String(),
    command: Type.String(),
    action,
    paths: Type.Array(Type.String()),
    status: runState,
    actor: Type.String(),
    createdAt: time,
    finishedAt: Type.Optional(time),
    durationMs: Type.Optional(count),
    package: Type.Optional(packageId),
    entries: count,
    bytes: count,
    targets,
    error: Type.Optional(errorView),
    notes,
  },
  { ...closed, title: 'HistoryEntry' },
)

export const packageView = Type.Object(
  {
    id: packageId,
    createdAt: time,
    agent: Type.Optional(Type.String()),
    command: Type.Optional(Type.String()),
    action: Type.Enum(['add', 'delete']),
    mode,
    roots: Type.Array(Type.String()),
    entries: count,
    bytes: count,
    zipBytes: count,
    parts: Type.Optional(Type.Array(packageId, { description: 'Of an index: the packages that it lists, in order.' })),
    carries: Type.Optional(
      Type.Object(
        {
          files: count,
          bytes: Type.Unsafe<number>({ ...count, description: 'Of these, unpacked.' }),
          ofFiles: Type.Unsafe<number>({ ...count, description: 'So many are listed.' }),
        },
        { ...closed, description: 'Of a delta, whose targets hold the rest: the contents that are in it.' },
      ),
    ),
    digest: Type.String(),
    signatures: Type.Array(
      Type.Object(
        {
          key: Type.String({ description: 'The id of the key.' }),
          state: Type.Enum(['valid', 'invalid', 'unknown'], { description: 'unknown: TRUSTED_KEYS does not have it.' }),
        },
        closed,
      ),
    ),
  },
  { ...closed, title: 'Package' },
)

export const packageEntry = Type.Object(
  {
    path: Type.String(),
    type: Type.Enum(['file', 'folder', 'delete']),
    digest: Type.Optional(Type.String()),
    size: Type.Optional(count),
    deep: Type.Optional(Type.Boolean()),
  },
  { ...closed, title: 'PackageEntry' },
)

export function listOf(item: TSchema): TSchema {
  return Type.Object({ items: Type.Array(item), next: Type.Optional(Type.String()) }, closed)
}
