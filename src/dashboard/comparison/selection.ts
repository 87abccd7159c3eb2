import { isEqual, presetTicks, tickOf, type Choices, type Row } from './ticks.ts'
import type { Preset, Selection } from './views.ts'

/** The API takes no more of each. */
const maxNamed = 10_000
/** So many exceptions from a preset are named one by one; more are gathered into folders first. */
const fewExceptions = 200

/** Folders, with how a choice is told of all below each. Made once for the rows of a comparison. */
export interface Tree {
  readonly path: string
  children?: Map<string, Tree>
  row?: Row
}

export function treeOf(rows: Iterable<Row>): Tree {
  const root: Tree = { path: '' }
  for (const row of rows) {
    let node = root
    for (const name of row.path.split('/')) {
      if (name === '') continue
      const children: Map<string, Tree> = (node.children ??= new Map())
      let child = children.get(name)
      if (child === undefined) children.set(name, (child = { path: `${node.path}/${name}` }))
      node = child
    }
    node.row = row
  }
  return root
}

/**
 * `on`: it must be selected. `off`: it must not be. `named`: another member says what becomes of it, but a deselection would
 * overrule that. `any`: it does not matter.
 */
type Need = 'on' | 'off' | 'named' | 'any'

/** What to send for what is ticked, as short as can be, or why that cannot be said. */
export function selectionOf(
  tree: () => Tree,
  rows: ReadonlyMap<string, Row>,
  choices: Choices,
): Selection | { readonly problem: string } {
  const { preset, overwrite, ticks } = choices
  const parts: Record<string, readonly string[]> = {}
  const resolve: Record<string, 'source' | 'target'> = {}
  const exceptions: Row[] = []
  for (const [path, tick] of ticks) {
    const row = rows.get(path)
    if (row === undefined || isEqual(row)) continue
    if (typeof tick === 'object' && tick.size > 0) parts[path] = [...tick]
    else if (tick === 'source' || tick === 'target') resolve[path] = tick
    // There is no way to write such a name as a glob that is nobody else's.
    else if (tick === true && isWild(path) && row.class !== 'merge') resolve[path] = 'source'
    else if (presetTicks(row, preset) !== (tick === true)) exceptions.push(row)
  }
  const need = (row: Row): Need => needOf(row, choices, row.path in parts || row.path in resolve)
  const told = exceptions.length <= fewExceptions ? oneByOne(exceptions, need) : undefined
  const { base, select, deselect } = told !== undefined ? { base: preset, ...told } : shortest(tree(), preset, need)
  const most = Math.max(select.length, deselect.length, Object.keys(parts).length, Object.keys(resolve).length)
  if (most > maxNamed)
    return {
      problem: `This choice has ${most.toLocaleString('en')} exceptions that have no folder in common; ${maxNamed.toLocaleString('en')} can be sent at once. Begin with another preset, or apply it in several turns.`,
    }
  const problem =
    mistaken(select, rows, (row) => need(row) === 'off') ?? mistaken(deselect, rows, (row) => isWanted(need(row)))
  if (problem !== undefined) return { problem }
  return { preset: base, select, deselect, parts, resolve, overwrite }
}

function needOf(row: Row, choices: Choices, isNamed: boolean): Need {
  if (isEqual(row)) return 'any'
  if (isNamed) return 'named'
  const tick = tickOf(row, choices)
  return tick === false || (typeof tick === 'object' && tick.size === 0) ? 'off' : 'on'
}

function isWanted(need: Need): boolean {
  return need === 'on' || need === 'named'
}

function oneByOne(rows: readonly Row[], need: (row: Row) => Need): { select: string[]; deselect: string[] } {
  const named = (wanted: Need): string[] => rows.filter((row) => need(row) === wanted).map(({ path }) => globFor(path))
  return { select: named('on'), deselect: named('off') }
}

interface Told {
  readonly base: Preset
  readonly select: string[]
  readonly deselect: string[]
}

/** `complete` also decides conflicts and merges, so that it stands for nothing else; the others differ in their ticks alone. */
function shortest(tree: Tree, preset: Preset, need: (row: Row) => Need): Told {
  const alike: readonly Preset[] = ['defaults', 'modified', 'added', 'deleted', 'none']
  const bases = preset === 'complete' ? [preset] : [preset, ...alike.filter((one) => one !== preset)]
  let best: { base: Preset; costs: Costs } | undefined
  for (const base of bases) {
    const costs = costsOf(tree, base, need)
    if (best === undefined || costs.outside < best.costs.outside) best = { base, costs }
    if (best.costs.outside <= fewExceptions) break
  }
  const told: Told = { base: best?.base ?? preset, select: [], deselect: [] }
  if (best !== undefined) write(tree, best.costs, false, told, need)
  return told
}

/** How many globs a subtree takes, where a folder above it is selected (`inside`), or is not; and which of its own. */
interface Costs {
  readonly outside: number
  readonly inside: number
  readonly isBase: boolean
  readonly how: readonly [outside: How, inside: How]
  /** In the order of those of the tree. */
  readonly children: readonly Costs[]
  readonly isWanted: boolean
}

type How = 'each' | 'select' | 'deselect'

function costsOf(node: Tree, base: Preset, need: (row: Row) => Need): Costs {
  const wanted = node.row === undefined ? 'any' : need(node.row)
  const isBase = node.row !== undefined && presetTicks(node.row, base)
  const own = leaves[wanted][isBase ? 1 : 0]
  if (node.children === undefined) return own
  const children = Array.from(node.children.values(), (child) => costsOf(child, base, need))
  let { outside, inside, isWanted: isAnyWanted } = own
  for (const child of children) {
    outside += child.outside
    inside += child.inside
    isAnyWanted ||= child.isWanted
  }
  const how: [How, How] = ['each', 'each']
  if ((outside > 1 || inside > 1) && !isWild(node.path)) {
    if (!isAnyWanted && outside > 1) [outside, how[0]] = [1, 'deselect']
    if (!isAnyWanted && inside > 1) [inside, how[1]] = [1, 'deselect']
    if (inside + 1 < outside) [outside, how[0]] = [inside + 1, 'select']
  }
  return { outside, inside, isBase, how, children, isWanted: isAnyWanted }
}

/** There are a hundred thousand of them, and they are only so many: not ticked by the preset, and ticked. */
const leaves: Readonly<Record<Need, readonly [Costs, Costs]>> = {
  ...{ on: leavesOf('on'), off: leavesOf('off'), named: leavesOf('named'), any: leavesOf('any') },
}

function leavesOf(need: Need): [Costs, Costs] {
  const leaf = (isBase: boolean): Costs => ({
    ...{ outside: ownCost(need, isBase, false), inside: ownCost(need, isBase, true), isBase },
    ...{ how: ['each', 'each'], children: [], isWanted: isWanted(need) },
  })
  return [leaf(false), leaf(true)]
}

function ownCost(need: Need, isBase: boolean, isInside: boolean): number {
  const isTicked = isBase || isInside
  return (need === 'on' && !isTicked) || (need === 'off' && isTicked) ? 1 : 0
}

function write(node: Tree, costs: Costs, isInside: boolean, told: Told, need: (row: Row) => Need): void {
  const how = costs.how[isInside ? 1 : 0]
  if (how === 'deselect') {
    told.deselect.push(`${node.path}/**`)
    return
  }
  if (how === 'select') {
    told.select.push(`${node.path}/**`)
    return write(node, costs, true, told, need)
  }
  if (node.row !== undefined) {
    const wanted = need(node.row)
    if (ownCost(wanted, costs.isBase, isInside) > 0)
      (wanted === 'on' ? told.select : told.deselect).push(globFor(node.row.path))
  }
  let i = 0
  for (const child of node.children?.values() ?? []) {
    const its = costs.children[i++]
    if (its !== undefined) write(child, its, isInside, told, need)
  }
}

function isWild(path: string): boolean {
  return /[*?]/.test(path)
}

/** Nothing can be escaped in a glob: `?` stands for the one character that has a meaning. */
function globFor(path: string): string {
  return path.replaceAll('*', '?')
}

/** That a glob for one path also names another one, of which the opposite was chosen. */
function mistaken(
  globs: readonly string[],
  rows: ReadonlyMap<string, Row>,
  isOpposite: (row: Row) => boolean,
): string | undefined {
  for (const glob of globs) {
    if (!glob.includes('?')) continue
    const length = [...glob].length
    const fits = new RegExp(`^${glob.replace(/[\\^$.*+()[\]{}|]/g, '\\$&').replaceAll('?', '[^/]')}$`, 'u')
    for (const row of rows.values())
      if (row.path.length >= length && fits.test(row.path) && isOpposite(row))
        return `The API cannot tell ${row.path} from another path like ${glob}: choose the same for both, or apply them in turns.`
  }
  return undefined
}
