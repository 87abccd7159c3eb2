/** What of a difference breaks those who call the target, should it be taken. */
import { fieldOf, isFields, type Value } from '../documents/value.ts'
import { Breath } from '../endpoints/directory/breath.ts'
import { breakingChanges } from '../endpoints/openapi/breaking.ts'
import type { StructuredFormat } from './content.ts'
import { brought, comparedOf, type Part } from './parts.ts'
import type { PathRules } from './rules.ts'

export interface Breaking {
  /** By the name of the part. */
  readonly parts: ReadonlyMap<string, readonly string[]>
  /** What no single part is to blame for. */
  readonly others: readonly string[]
}

const none: Breaking = { parts: new Map(), others: [] }
/** So many are told for a part; of a resource as a whole, which may be a large document, some more. */
const maxReasons = 20
const maxOthers = 200

export const pathIsGone = 'the path is gone'

/**
 * `parts`: those that differ. What the target keeps whatever is applied breaks nothing. A large document takes seconds, in which
 * others have their turn.
 */
export async function breakingIn(
  { source, target }: { readonly source: Value; readonly target: Value },
  format: StructuredFormat,
  rules: PathRules,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<Breaking> {
  if (format === 'openapi-path') return inPath({ source, target }, rules, parts).told()
  if (format !== 'openapi') return none
  return (await inDocument({ source, target }, rules, parts, new Breath(signal))).told()
}

class Reasons {
  readonly #parts = new Map<string, string[]>()
  readonly #others: string[] = []

  add(part: string | undefined, why: string): void {
    const known = part === undefined ? this.#others : this.#parts.get(part)
    if (known === undefined) this.#parts.set(part ?? '', [why])
    else known.push(why)
  }

  told(): Breaking {
    const parts = [...this.#parts].map(([part, reasons]) => [part, first(reasons, maxReasons)] as const)
    return { parts: new Map(parts), others: first(this.#others, maxOthers) }
  }
}

function first(reasons: readonly string[], most: number): readonly string[] {
  return reasons.length <= most ? reasons : [...reasons.slice(0, most), `and ${reasons.length - most} more`]
}

function inPath(
  { source, target }: { readonly source: Value; readonly target: Value },
  rules: PathRules,
  parts: readonly Part[],
): Reasons {
  const item = brought(comparedOf(source, 'openapi-path'), comparedOf(target, 'openapi-path'), rules)
  const reasons = new Reasons()
  const names = new Set(parts.map(({ part }) => part))
  // What all methods have in common stands beside them.
  const shared = parts.find(({ at }) => at[1] === 'parameters')?.part
  for (const { part, why } of breakingChanges(target, { ...(isFields(source) && source), item }))
    if (names.has(part)) reasons.add(part, why)
    else if (shared !== undefined) reasons.add(shared, `${part}: ${why}`)
  return reasons
}

async function inDocument(
  { source, target }: { readonly source: Value; readonly target: Value },
  rules: PathRules,
  parts: readonly Part[],
  breath: Breath,
): Promise<Reasons> {
  const next = brought(source, target, rules)
  const reasons = new Reasons()
  const names = new Set(parts.map(({ part }) => part))
  const paths = fieldOf(target, 'paths')
  const byPath = new Map<string, Part[]>()
  for (const one of parts)
    for (const path of pathIn(one.at)) {
      const own = byPath.get(path)
      if (own === undefined) byPath.set(path, [one])
      else own.push(one)
    }
  // Whoever refers to a component breaks with it.
  const isShared = parts.some(({ at }) => at[0] === 'components')
  const touched = isShared && isFields(paths) ? Object.keys(paths) : byPath.keys()
  for (const path of touched) {
    const own = byPath.get(path) ?? []
    const shared = own.find(({ at }) => at[2] === 'parameters')?.part
    for (const { part, why } of breakingChanges(pathOf(target, path), pathOf(next, path))) {
      const name = `${part} ${path}`
      // Of a path that goes each method is a part that goes.
      if (part === '') for (const one of own) reasons.add(one.part, why)
      else if (names.has(name)) reasons.add(name, why)
      else if (shared !== undefined) reasons.add(shared, `${part}: ${why}`)
      else reasons.add(undefined, `${name}: ${why}`)
    }
    if (breath.due) await breath.take()
  }
  return reasons
}

function pathIn([section, path]: readonly string[]): string[] {
  return section === 'paths' && path !== undefined ? [path] : []
}

/** One path of a document, as `breakingChanges` knows it. */
function pathOf(document: Value, path: string): Value | undefined {
  const item = fieldOf(fieldOf(document, 'paths'), path)
  return item === undefined ? undefined : { components: fieldOf(document, 'components') ?? {}, item }
}
