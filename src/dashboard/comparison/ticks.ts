import type { Class, ComparedResource, Preset } from './views.ts'

/** What is kept of each of a hundred thousand resources. */
export interface Row {
  readonly path: string
  readonly state: ComparedResource['state']
  readonly class: Class
  readonly selected: boolean
  /** How many parts of it differ. */
  readonly parts: number
  readonly breaks: boolean
  readonly isFolder: boolean
  /** Bytes at the source, or else at the target. */
  readonly size: number | undefined
}

/** Of a conflict: the side that wins. A set: nothing of it but these parts. */
export type Tick = boolean | 'source' | 'target' | ReadonlySet<string>

/** A preset and what was ticked otherwise by hand. The map is changed in place: whoever does makes a new Choices around it. */
export interface Choices {
  readonly preset: Preset
  readonly overwrite: boolean
  readonly ticks: Map<string, Tick>
}

export function rowOf(found: ComparedResource): Row {
  const { path, state, class: cls, selected, changes, breaking, source, target } = found
  const side = source ?? target
  return {
    ...{ path, state, class: cls, selected, parts: changes?.length ?? 0, size: side?.size },
    breaks: breaking !== undefined || changes?.some((part) => part.breaking !== undefined) === true,
    isFolder: side?.folder === true,
  }
}

/** Nothing is written of these, whatever is said. */
export function isEqual({ class: cls }: Row): boolean {
  return cls === 'same' || cls === 'converged'
}

/** What a preset ticks, as the API says of each. */
export function presetTicks({ state, selected, class: cls }: Row, preset: Preset): boolean {
  switch (preset) {
    case 'defaults':
      return selected
    case 'complete':
      return true
    case 'modified':
      return state === 'existing' && selected
    case 'added':
      return state === 'added' && (cls === 'new-at-source' || cls === 'unbased')
    case 'deleted':
      return state === 'deleted' && (cls === 'deleted-at-source' || cls === 'unbased')
    case 'none':
      return false
  }
}

export function tickOf(row: Row, { preset, ticks }: Choices): Tick {
  if (isEqual(row)) return true
  const chosen = ticks.get(row.path)
  if (chosen !== undefined) return chosen
  const isTicked = presetTicks(row, preset)
  // The only preset that ends conflicts does so for the source.
  return row.class === 'conflict' ? isTicked && 'source' : isTicked
}

/** What a press of the space bar makes of it: a conflict goes from undecided over the source to the target and back. */
export function nextTick(row: Row, choices: Choices): Tick {
  const tick = tickOf(row, choices)
  if (row.class === 'conflict') return tick === 'source' ? 'target' : tick === 'target' ? false : 'source'
  return tick !== true
}

/** All of `rows` but what is equal; conflicts, which a tick alone does not end, are left as they are. Answers how many were. */
export function tickAll(rows: readonly Row[], tick: boolean, { ticks }: Choices): number {
  let left = 0
  for (const row of rows) {
    if (isEqual(row)) continue
    if (row.class === 'conflict' && tick) left++
    else ticks.set(row.path, tick)
  }
  return left
}

const bySource: ReadonlySet<Class> = new Set(['fast-forward', 'new-at-source', 'deleted-at-source'])

/** Which parts are taken from the source as the tick of their resource stands. */
export function partsTaken(
  row: Row,
  parts: readonly { readonly part: string; readonly class: Class }[],
  choices: Choices,
): ReadonlySet<string> {
  const tick = tickOf(row, choices)
  if (typeof tick === 'object') return tick
  if (tick === false || tick === 'target') return new Set()
  const isMerged = row.class === 'merge' && !choices.overwrite && choices.preset !== 'complete'
  return new Set(parts.filter((one) => !isMerged || bySource.has(one.class)).map(({ part }) => part))
}
