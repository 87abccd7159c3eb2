import type { Static, TSchema } from 'typebox'
import { normalRank } from '../../queues/lanes.ts'
import { compareRulesSchema } from '../../compare/rules.ts'
import { keyIdPattern } from '../../packages/signatures.ts'
import { globSchema, pathSchema } from '../../resources/schema.ts'
import { Type } from '../../resources/type.ts'
import type { Bandwidth } from './bandwidth.ts'
import { hooksSchema } from './hooks.ts'

/** Names of agents, targets and queues: they stand in URLs, in keys of the Store and in file names. */
export const namePattern = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$'

export const nameSchema = Type.String({ pattern: namePattern })

export function isName(text: string): boolean {
  return new RegExp(namePattern).test(text)
}

/** Words that stand where an agent's name could, in the paths of the API. */
export const reservedNames: readonly string[] = ['all', 'validate']

const closed = { additionalProperties: false } as const
/** A group of settings that may be absent, or present in part: what is absent has its default. */
const group = { additionalProperties: false, default: {} } as const

const count = (defaultValue: number, minimum: number, description: string): ReturnType<typeof Type.Integer> =>
  Type.Integer({ default: defaultValue, minimum, maximum: 1_000_000_000, description })

const globs = Type.Array(globSchema, { minItems: 1, maxItems: 1000 })

const filter = Type.Union([
  Type.Object({ include: globSchema }, { ...closed, title: '{"include": glob}' }),
  Type.Object({ exclude: globSchema }, { ...closed, title: '{"exclude": glob}' }),
])

const queue = Type.Object(
  {
    onFailure: Type.Enum(['block', 'error-queue'], {
      default: 'block',
      description:
        '`block`: the head keeps its place until it succeeds or an operator decides. `error-queue`: after `attempts` tries it moves to error-{queue}.',
    }),
    attempts: count(10, 1, 'Tries before an item moves to the error queue.'),
    backoff: Type.Object(
      {
        initialMs: Type.Integer({ default: 1000, minimum: 1, maximum: 86_400_000 }),
        maxMs: Type.Integer({ default: 900_000, minimum: 1, maximum: 86_400_000 }),
        factor: Type.Number({ default: 2, minimum: 1, maximum: 100 }),
        jitter: Type.Number({ default: 0.2, minimum: 0, maximum: 1 }),
      },
      { ...group, description: 'The wait between two tries of the same item.' },
    ),
    limit: count(10_000, 1, 'Items waiting; a command that would exceed it is refused with 429.'),
    priority: Type.Array(Type.Object({ name: nameSchema, paths: globs }, closed), {
      default: [],
      maxItems: normalRank,
      description:
        'Classes of paths, the most urgent first: an item all of whose paths are of a class overtakes those of later classes and of ' +
        'none, unless one of them shares a path with it, or an ancestor.',
    }),
  },
  { ...group, description: 'How the queues of this agent behave.' },
)

const imports = Type.Object(
  {
    require: Type.Array(Type.String({ pattern: keyIdPattern }), {
      minItems: 1,
      maxItems: 16,
      uniqueItems: true,
      description: 'Ids of keys, whose public halves are in TRUSTED_KEYS.',
    }),
    atLeast: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 16, description: 'How many of these must have signed; all if absent.' }),
    ),
  },
  { ...closed, description: 'What imported packages must be signed with; nothing if absent.' },
)

const deletes = Type.Object(
  {
    maxPercent: Type.Number({ default: 50, minimum: 0, maximum: 100 }),
    maxCount: count(1000, 0, 'The most that one command may remove.'),
  },
  { ...group, description: 'The guard for mirror and resynchronisation.' },
)

export const historyDefaults = { keepDays: 30, keepEntries: 100_000 } as const

const history = Type.Object(
  {
    keepDays: count(historyDefaults.keepDays, 1, 'Days for which history is kept after its end.'),
    keepEntries: count(historyDefaults.keepEntries, 1, 'The most entries of finished history that are kept.'),
  },
  group,
)

const paths = (description: string): ReturnType<typeof Type.Array<typeof pathSchema>> =>
  Type.Array(pathSchema, { minItems: 1, maxItems: 1000, description })

const schedule = Type.Object(
  {
    kind: Type.Literal('schedule'),
    cron: Type.String({
      minLength: 1,
      maxLength: 200,
      description: 'Five fields, minutes first, or six, seconds first; or a name such as @daily.',
    }),
    timezone: Type.Optional(
      Type.String({ minLength: 1, maxLength: 100, description: 'By its IANA name; UTC if absent.' }),
    ),
    action: Type.Optional(
      Type.Enum(['add', 'delete', 'test', 'compare'], {
        description: 'add if absent. `compare` changes nothing: it looks how each target stands, and tells of drift.',
      }),
    ),
    mode: Type.Optional(Type.Enum(['update', 'mirror'], { description: 'update if absent.' })),
    full: Type.Optional(Type.Boolean({ description: 'All is sent, also what the targets are known to hold.' })),
    verify: Type.Optional(
      Type.Boolean({ description: 'All is read anew at the source and the targets, whatever is remembered of it.' }),
    ),
    paths: Type.Optional(paths('All roots of the agent if absent.')),
  },
  { ...closed, title: '{"kind": "schedule", "cron": …}' },
)

const after = Type.Object(
  {
    kind: Type.Literal('after'),
    agent: nameSchema,
    paths: Type.Optional(paths('What lies outside these is not followed; all roots of the agent if absent.')),
  },
  { ...closed, title: '{"kind": "after", "agent": …}' },
)

const watchDefaults = { debounceMs: 1000, maxWaitMs: 30_000 } as const

const watch = Type.Object(
  {
    kind: Type.Literal('watch'),
    debounceMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 3_600_000,
        description: `How long nothing must have changed; ${watchDefaults.debounceMs} if absent.`,
      }),
    ),
    maxWaitMs: Type.Optional(
      Type.Integer({
        minimum: 10,
        maximum: 86_400_000,
        description: `How long a change waits at most while others follow; ${watchDefaults.maxWaitMs} if absent.`,
      }),
    ),
    initial: Type.Optional(
      Type.Enum(['add', 'mirror'], {
        description: 'Sends all roots each time the watch begins: what changed while nobody watched is unknown.',
      }),
    ),
  },
  { ...closed, title: '{"kind": "watch"}' },
)

const trigger = Type.Union([schedule, after, watch])

export type Trigger = Static<typeof trigger>
export type ScheduleTrigger = Static<typeof schedule>
export type WatchTrigger = Static<typeof watch>

/** How long changes are collected. */
export function patienceOf({ debounceMs, maxWaitMs }: WatchTrigger): { debounceMs: number; maxWaitMs: number } {
  const debounce = debounceMs ?? watchDefaults.debounceMs
  return { debounceMs: debounce, maxWaitMs: Math.max(debounce, maxWaitMs ?? watchDefaults.maxWaitMs) }
}

/** One end of an agent, as it is configured: the kind, and the options of that kind beside it. */
export interface EndpointConfig {
  readonly kind: string
  readonly [option: string]: unknown
}

/** The name is that of the queue. */
export interface TargetConfig extends EndpointConfig {
  readonly name: string
  /** Of those alone to which packages are sent. */
  readonly bandwidth?: Bandwidth
}

/**
 * The schema of an agent's config, around two schemas for its endpoints. Everything but `name` may be absent; after
 * `checkerOf` has checked a value, it is complete.
 */
export function configSchema<S extends TSchema, T extends TSchema>(source: S, target: T) {
  return Type.Object(
    {
      name: nameSchema,
      title: Type.Optional(Type.String({ maxLength: 200 })),
      description: Type.Optional(Type.String({ maxLength: 5000 })),
      enabled: Type.Boolean({ default: true, description: 'false: commands are refused, queues stand still.' }),
      source: Type.Optional(source),
      targets: Type.Array(target, {
        default: [],
        maxItems: 1000,
        description: 'Where packages go; one queue each. The only target need not be named: it is then `default`.',
      }),
      passive: Type.Array(nameSchema, {
        default: [],
        maxItems: 1000,
        description: 'Queues that only collect; somebody else pulls from them.',
      }),
      roots: Type.Array(pathSchema, {
        default: ['/'],
        minItems: 1,
        maxItems: 1000,
        description: 'Paths outside these are refused; compared by segments.',
      }),
      filters: Type.Array(filter, {
        default: [],
        maxItems: 1000,
        description: 'The first that matches decides; what none matches is included.',
      }),
      queue,
      deletes,
      import: Type.Optional(imports),
      ...compareRulesSchema,
      approval: Type.Optional(
        Type.Boolean({ description: 'What applies a comparison begins once somebody else has approved it.' }),
      ),
      history,
      triggers: Type.Array(trigger, { default: [], maxItems: 100 }),
      hooks: Type.Optional(hooksSchema),
    },
    { additionalProperties: false },
  )
}

/** Endpoints are checked by the schema of their kind, once the shape around them is right. */
export const looseConfigSchema = configSchema(
  Type.Unsafe<EndpointConfig>(Type.Object({ kind: Type.String() })),
  Type.Unsafe<TargetConfig>(Type.Object({ kind: Type.String(), name: Type.Optional(nameSchema) })),
)

/**
 * How an agent is configured, complete and checked: made only by `parseAgentConfig`. It holds plain secrets, so callers
 * are shown what `redacted` makes of it.
 */
export type AgentConfig = Static<typeof looseConfigSchema>

/** The names of the queues that a config has, error queues apart. */
export function queuesOf(config: AgentConfig): string[] {
  return [...config.targets.map(({ name }) => name), ...config.passive]
}
