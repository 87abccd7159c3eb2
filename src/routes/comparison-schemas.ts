import type { TSchema } from 'typebox'
import { classes } from '../compare/classes.ts'
import { selectionSchema } from '../compare/selection.ts'
import { pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { agentName, time } from './command-schemas.ts'

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const digest = Type.String({ pattern: '^sha256-[0-9a-f]{64}$' })
const cls = Type.Enum(classes)
const states = Type.Enum(['existing', 'added', 'deleted'])

export const compareBody = Type.Union([
  Type.Null(),
  Type.Object(
    {
      paths: Type.Optional(
        Type.Array(pathSchema, { minItems: 1, maxItems: 10_000, description: 'All roots of the agent if absent.' }),
      ),
      target: Type.Optional({ ...agentName, description: 'May be absent when there is only one.' }),
      verify: Type.Optional(
        Type.Boolean({
          description:
            'Reads all content, also of files that have not changed by their size, times and inode since they were read.',
        }),
      ),
    },
    closed,
  ),
])

/** What to apply of a comparison; nothing said means the ticks as they are shown. */
export const selectionBody = Type.Union([
  Type.Null(),
  // What may be left out as a whole has no defaults: they are put in by whoever takes it.
  Type.Object(
    Object.fromEntries(
      Object.entries(selectionSchema.properties).map(([name, member]) => {
        const { default: _, ...plain } = member as TSchema & { default?: unknown }
        return [name, Type.Optional(plain)]
      }),
    ),
    { ...closed, title: 'Selection' },
  ),
])

/** What would come of a selection. */
export const foretold = Type.Object(
  {
    creates: count,
    overwrites: { ...count, description: 'As a whole or in parts.' },
    deletes: count,
    unchanged: { ...count, description: 'What is equal, and what is left alone.' },
    conflicts: { ...count, description: 'Those that nothing has been decided of.' },
    guard: Type.Optional(Type.String({ description: 'Why so many deletions need `overrideGuard`.' })),
    approval: Type.Optional(Type.Literal(true, { description: 'It waits until somebody else has approved it.' })),
    errors: Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }, { ...closed, title: 'Fault' }), {
      description: 'Why the selection cannot be applied, up to 100 reasons.',
    }),
  },
  { ...closed, title: 'ForetoldPlan' },
)

/** Needed where a command has written to several targets. */
export const revertBody = Type.Union([
  Type.Null(),
  Type.Object({ agent: Type.Optional(agentName), target: Type.Optional(agentName) }, closed),
])

const side = Type.Object(
  { digest: Type.Optional(Type.String()), size: Type.Optional(count), folder: Type.Optional(Type.Literal(true)) },
  { ...closed, title: 'ComparedState' },
)

const rowMembers = {
  path: Type.String(),
  state: states,
  class: cls,
  changed: Type.Optional(Type.Boolean({ description: 'Of what exists on both sides: whether the two differ.' })),
  selected: Type.Boolean({ description: 'Whether it is ticked unless a selection says otherwise.' }),
  source: Type.Optional(side),
  target: Type.Optional(side),
  base: Type.Optional(
    Type.Union([side, Type.Null()], { description: 'What both last had in common; null: that there was nothing.' }),
  ),
  format: Type.Optional(Type.String({ description: 'As what it was compared, where that is more than bytes.' })),
  breaking: Type.Optional(
    Type.Array(Type.String(), { description: 'Why this breaks callers, where no single part is to blame.' }),
  ),
  changes: Type.Optional(
    Type.Array(
      Type.Object(
        {
          part: Type.String({ description: 'A JSON Pointer, or a method of an OpenAPI path.' }),
          class: cls,
          source: Type.Optional(Type.Unknown()),
          target: Type.Optional(Type.Unknown()),
          base: Type.Optional(Type.Unknown()),
          breaking: Type.Optional(Type.Array(Type.String(), { description: 'Why this breaks callers.' })),
        },
        { ...closed, title: 'ComparedPart' },
      ),
    ),
  ),
}
export const row = Type.Object(rowMembers, { ...closed, title: 'ComparedResource' })
export const resourceDetail = Type.Object(
  {
    ...rowMembers,
    diff: Type.Optional(Type.String({ description: 'Of texts: unified, from target to source.' })),
    diffLeftOut: Type.Optional(Type.Integer({ minimum: 1, description: 'Lines of it that are not shown.' })),
  },
  { ...closed, title: 'ComparedResourceDetail' },
)

export const result = Type.Object(
  {
    path: Type.String(),
    outcome: Type.Enum(['created', 'overwritten', 'deleted']),
    before: Type.Optional(Type.String({ description: 'SHA-256 of the content that was there.' })),
    after: Type.Optional(Type.String({ description: 'SHA-256 of the content that is written.' })),
    preserved: Type.Optional(
      Type.Object(
        { before: Type.String(), after: Type.String() },
        { ...closed, description: 'SHA-256 of what the target owns of it: equal, for it survives.' },
      ),
    ),
  },
  { ...closed, title: 'AppliedResource' },
)

export const rowFilters = {
  state: Type.Optional(states),
  class: Type.Optional(cls),
  changed: Type.Optional(Type.Boolean()),
  path: Type.Optional(pathSchema),
}

const summary = {
  id: Type.String(),
  agent: Type.String(),
  target: Type.String(),
  paths: Type.Array(Type.String()),
  createdAt: time,
  actor: Type.String(),
  sourceDigest: digest,
  targetDigest: digest,
  counts: Type.Object(
    { added: count, existing: count, changed: count, deleted: count, conflicts: count },
    { ...closed, title: 'ComparisonCounts' },
  ),
  held: Type.Integer({ minimum: 0, description: 'How many resources the target holds at these paths.' }),
  offered: Type.Integer({ minimum: 0, description: 'How many the source has.' }),
  reverts: Type.Optional(Type.String({ description: 'The command that its application undoes.' })),
  verified: Type.Optional(
    Type.Literal(true, { description: 'All content was read for it, and is when it is applied.' }),
  ),
  notes: Type.Optional(Type.Array(Type.String(), { description: 'What was passed over, and why.' })),
}
export const comparisonSummary = Type.Object(summary, { ...closed, title: 'ComparisonSummary' })
export const comparison = Type.Object(
  {
    ...summary,
    recreate: Type.Array(row, { description: 'What the source has, up to 1,000.' }),
    differences: Type.Array(row, { description: 'What only the target has, up to 1,000.' }),
    more: Type.Optional(Type.Literal(true, { description: 'There are more: see its resources.' })),
  },
  { ...closed, title: 'Comparison' },
)
