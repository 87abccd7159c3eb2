/**
 * What was chosen of a comparison. A preset ticks rows, `select`, `parts` and `resolve` tick what they name, and `deselect` takes
 * away, whoever ticked it.
 *
 * The presets `modified`, `added` and `deleted` take over what the *source* did and undo nothing that only the target did, since
 * that is what their names ask for: `modified` is the ticks of existing rows (a customised one is not overwritten, a conflict is
 * left), `added` what is new at the source but not what the target removed, `deleted` what the source deleted but not what it
 * never had. `complete` promises that both sides are equal afterwards, so it is itself the resolution `source` of every conflict, and
 * overwrites what was customised; an explicit `resolve` of a path still decides there.
 */
import type { Static, TSchema } from 'typebox'
import type { Fault } from '../errors.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import { globSchema, pointerToken } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { isSourceChange, type Class, type RowState } from './classes.ts'
import { Naming } from './naming.ts'
import { partsNamed, type NamedPart } from './part-names.ts'

const globs = (description: string): ReturnType<typeof Type.Array<typeof globSchema>> =>
  Type.Array(globSchema, { default: [], maxItems: 10_000, description })

/** Any path may be a name in it; those that name no row are found when rows are known. */
function byPath<T extends TSchema>(value: T, description: string) {
  return Type.Unsafe<Readonly<Record<string, Static<T>>>>({
    type: 'object',
    additionalProperties: value,
    maxProperties: 10_000,
    default: {},
    description,
  })
}

/** What is sent to apply a comparison; complete once `checkerOf` has checked it. */
export const selectionSchema = Type.Object(
  {
    preset: Type.Enum(['defaults', 'complete', 'modified', 'added', 'deleted', 'none'], {
      default: 'defaults',
      description:
        '`defaults`: the ticks as shown. `complete`: both sides are equal afterwards. `modified`: the ticks of what both sides have. ' +
        '`added`, `deleted`: what the source added or deleted. `none`: nothing.',
    }),
    select: globs('Resources that are selected too.'),
    deselect: globs('Resources that are not selected, whatever else names them.'),
    parts: byPath(
      Type.Array(Type.String({ maxLength: 4096 }), { minItems: 1, maxItems: 1000 }),
      'By path: of this resource nothing but these parts, as the source has them.',
    ),
    resolve: byPath(Type.Enum(['source', 'target']), 'By path: whose state a conflict ends with.'),
    overwrite: Type.Boolean({
      default: false,
      description: 'Selected resources that both sides have are copied whole, whatever their class.',
    }),
    allowDeletes: Type.Boolean({ default: false, description: 'Without it, a selected deletion is refused.' }),
    overrideGuard: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 500,
        description: "Why more is deleted than the agent's guard lets through.",
      }),
    ),
  },
  { additionalProperties: false },
)

export type Selection = Static<typeof selectionSchema>

/** One resource of a comparison. */
export interface Row {
  readonly path: ResourcePath
  readonly state: RowState
  /** Whether source and target differ. */
  readonly changed: boolean
  /** Its tick. */
  readonly selected: boolean
  readonly class: Class
  /** Those that differ. */
  readonly parts?: readonly NamedPart[]
  readonly folder?: true
}

export interface Decision {
  /**
   * `source`: created or overwritten as the source has it, less what is preserved. `parts`: only those that `parts` names, or,
   * when it is absent, those that only the source has changed (`sourceParts`).
   */
  readonly write: 'nothing' | 'source' | 'parts' | 'delete'
  /** Nothing is written, and yet the base becomes the source's state: both agree, or the difference was accepted. */
  readonly rebase: boolean
  readonly parts?: ReadonlyMap<string, 'source' | 'target'>
}

const nothing: Decision = { write: 'nothing', rebase: false }
const accepted: Decision = { write: 'nothing', rebase: true }
const copied: Decision = { write: 'source', rebase: false }
const removed: Decision = { write: 'delete', rebase: false }

/** The parts that a merge takes from the source: those that only it has changed. */
export function sourceParts(parts: readonly NamedPart[]): Map<string, 'source'> {
  return new Map(parts.filter((part) => isSourceChange(part.class)).map(({ part }) => [part, 'source']))
}

export interface Chooser {
  /** What becomes of one row, or why the selection cannot be applied. Each row of the comparison is asked about once. */
  readonly decide: (row: Row) => Decision | { readonly fault: Fault }
  /** Once all rows have been decided: what names none of them. */
  readonly unknown: () => readonly Fault[]
}

/** `selection` has been checked by its schema. */
export function chooser(selection: Selection): Chooser {
  const { preset, overwrite, allowDeletes } = selection
  const select = new Naming('/select', selection.select)
  const deselect = new Naming('/deselect', selection.deselect)
  const parts = new Map(Object.entries(selection.parts))
  const resolve = new Map(Object.entries(selection.resolve))
  const left = new Map([...[...parts.keys()].map(inParts), ...[...resolve.keys()].map(inResolve)])

  const remove = (path: ResourcePath): Decision | { fault: Fault } =>
    allowDeletes
      ? removed
      : { fault: { pointer: '/allowDeletes', message: `must be true, for ${quote(path)} is to be deleted` } }

  const bySource = (row: Row): Decision | { fault: Fault } => (row.state === 'deleted' ? remove(row.path) : copied)

  const conflicting = (row: Row): Decision | { fault: Fault } => {
    if (preset === 'complete' || (overwrite && row.state === 'existing')) return bySource(row)
    const message = `is required, for ${quote(row.path)} is a conflict: "source" or "target"`
    return { fault: { pointer: pointerOf('resolve', row.path), message } }
  }

  const merged = (row: Row): Decision =>
    row.parts === undefined ? { write: 'parts', rebase: false } : partly(sourceParts(row.parts))

  const byParts = (row: Row, names: readonly string[]): Decision | { fault: Fault } => {
    const known = new Set((row.parts ?? []).map(({ part }) => part))
    const chosen = new Map<string, 'source'>()
    for (const [i, name] of names.entries()) {
      const named = partsNamed(name, known)
      if (named.length === 0) {
        const message = `${quote(name)} is no part of ${quote(row.path)} that differs`
        return { fault: { pointer: `${pointerOf('parts', row.path)}/${i}`, message } }
      }
      for (const part of named) chosen.set(part, 'source')
    }
    return partly(chosen)
  }

  return {
    decide: (row) => {
      const { path } = row
      const [isSelected, isDeselected] = [select.names(path), deselect.names(path)]
      const [named, resolved] = [parts.get(path), resolve.get(path)]
      if (named !== undefined) left.delete(pointerOf('parts', path))
      if (resolved !== undefined) left.delete(pointerOf('resolve', path))
      if (isDeselected) return nothing
      if (named !== undefined && resolved !== undefined)
        return {
          fault: { pointer: pointerOf('parts', path), message: `${quote(path)} is in resolve too; name it in one` },
        }
      if (named !== undefined) return byParts(row, named)
      if (!isSelected && resolved === undefined && !isTicked(row, preset)) return nothing
      if (row.class === 'same' || row.class === 'converged')
        return overwrite && row.changed && row.state === 'existing' ? copied : row.class === 'same' ? nothing : accepted
      if (resolved !== undefined) return resolved === 'source' ? bySource(row) : accepted
      if (row.class === 'conflict') return conflicting(row)
      if (row.class === 'merge' && preset !== 'complete' && !overwrite) return merged(row)
      return bySource(row)
    },
    unknown: () => [
      ...select.unknown(),
      ...deselect.unknown(),
      ...[...left].map(([pointer, path]) => ({ pointer, message: `${quote(path)} is not in the comparison` })),
    ],
  }
}

function isTicked(row: Row, preset: Selection['preset']): boolean {
  switch (preset) {
    case 'defaults':
      return row.selected
    case 'complete':
      return true
    case 'modified':
      return row.state === 'existing' && row.selected
    case 'added':
      return row.state === 'added' && (row.class === 'new-at-source' || row.class === 'unbased')
    case 'deleted':
      return row.state === 'deleted' && (row.class === 'deleted-at-source' || row.class === 'unbased')
    case 'none':
      return false
  }
}

function partly(parts: ReadonlyMap<string, 'source' | 'target'>): Decision {
  return { write: 'parts', rebase: false, parts }
}

function pointerOf(member: 'parts' | 'resolve', path: string): string {
  return `/${member}/${pointerToken(path)}`
}

function inParts(path: string): [string, string] {
  return [pointerOf('parts', path), path]
}

function inResolve(path: string): [string, string] {
  return [pointerOf('resolve', path), path]
}
