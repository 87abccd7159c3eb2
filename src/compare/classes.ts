/** How a resource, or a part of one, stands on both sides, seen from what both had when they were last made alike. */
export const classes = [
  'same',
  'converged',
  'fast-forward',
  'customised',
  'merge',
  'conflict',
  'new-at-source',
  'removed-at-target',
  'deleted-at-source',
  'target-only',
  'unbased',
] as const

export type Class = (typeof classes)[number]

/** What both sides had when they were last made alike; known without a digest: it was on neither. */
export type Base = { readonly known: false } | { readonly known: true; readonly digest?: string }

/** Which sections of a comparison a row belongs to: on both sides, on the source alone, on the target alone. */
export type RowState = 'existing' | 'added' | 'deleted'

/**
 * The three-way table. Digests are any texts that are equal for what counts as equal; undefined is absent, so a folder needs a
 * text of its own. Never `merge`: that both changed different parts of one thing is for its parts to say.
 */
export function classOf(base: Base, source: string | undefined, target: string | undefined): Class {
  if (source === target) return !base.known || base.digest === source ? 'same' : 'converged'
  if (!base.known) return 'unbased'
  const { digest } = base
  if (source === digest)
    return digest === undefined ? 'target-only' : target === undefined ? 'removed-at-target' : 'customised'
  if (target === digest)
    return digest === undefined ? 'new-at-source' : source === undefined ? 'deleted-at-source' : 'fast-forward'
  return 'conflict'
}

/** Those of which only the source changed something: taking them loses nothing of the target's. */
const bySource: ReadonlySet<Class> = new Set(['fast-forward', 'new-at-source', 'deleted-at-source'])

const byTarget: ReadonlySet<Class> = new Set(['customised', 'removed-at-target', 'target-only'])

export function isSourceChange(cls: Class): boolean {
  return bySource.has(cls)
}

/** What a thing that is on both sides is, from those of its parts that differ; at least one does. */
export function classOfParts(parts: readonly { readonly class: Class }[]): Class {
  const found = new Set(parts.map((part) => part.class))
  if (found.has('unbased')) return 'unbased'
  if (found.has('conflict')) return 'conflict'
  const [source, target] = [[...found].some((cls) => bySource.has(cls)), [...found].some((cls) => byTarget.has(cls))]
  return source && target ? 'merge' : source ? 'fast-forward' : 'customised'
}

const tickedWhereExisting: ReadonlySet<Class> = new Set(['same', 'converged', 'fast-forward', 'merge', 'unbased'])

/** The ticks of a comparison before anybody has chosen: nothing is added or deleted, and nothing of the target's is lost that is known. */
export function selectedByDefault(state: RowState, cls: Class): boolean {
  return state === 'existing' && tickedWhereExisting.has(cls)
}
