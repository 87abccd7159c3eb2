import { blobs, crumbs, documents, type Tree } from './content.ts'

export interface Scenario {
  readonly name: string
  readonly tree: Tree
  /**
   * `cold`: every run into empty folders, of which nobody knows anything. The others begin with a copy that is not measured; then one
   * file of a hundred is changed before each run and put back after it, or nothing is.
   */
  readonly state: 'cold' | 'changed' | 'unchanged'
  /** Each is measured in turn with the others; ours at the second is set beside ours at the first. */
  readonly ways: readonly Way[]
  readonly goals: readonly Goal[]
  /** Ours alone, and once: only the memory counts. */
  readonly memory?: true
  /** It takes too much of a machine to be among all of them. */
  readonly byNameOnly?: true
}

/** Where the copy has to go. */
export interface Way {
  readonly targets: number
  /** The latency that a proxy between both sides makes; without it there is no proxy, and only what needs no server is measured as well. */
  readonly roundTripMs?: number
}

export type Goal =
  /** The median of ours, divided by that of a rival. */
  | { readonly kind: 'rival'; readonly rival: string; readonly atMost: number }
  /** The median of ours on the second way, divided by that on the first. */
  | { readonly kind: 'ways'; readonly atMost: number }
  /** How much more often the source is read on the second way than on the first. */
  | { readonly kind: 'source reads'; readonly atMost: number }

/** Copies of fewer files are removed at once, others at the end of the bench. */
export const fewFiles = 1000

export const rsyncDaemon = 'rsync -a to a daemon'
export const rcloneWebdav = 'rclone sync to webdav'

const rsync = (atMost: number): Goal => ({ kind: 'rival', rival: rsyncDaemon, atMost })
const webdav = (atMost: number): Goal => ({ kind: 'rival', rival: rcloneWebdav, atMost })

const one: readonly Way[] = [{ targets: 1 }]
const nearAndFar: readonly Way[] = [
  { targets: 1, roundTripMs: 0 },
  { targets: 1, roundTripMs: 50 },
]
const oneAndTen: readonly Way[] = [{ targets: 1 }, { targets: 10 }]

/** Every tree with its files and bytes divided by `shrink`: to see whether the bench works, not how fast anything is. */
export function scenariosOf(shrink = 1): readonly Scenario[] {
  const few = documents(Math.ceil(10_000 / shrink))
  const many = documents(Math.ceil(100_000 / shrink))
  const cold = 'cold' as const
  return [
    { name: 'files-10k', tree: few, state: cold, ways: one, goals: [rsync(2), webdav(0.4)] },
    { name: 'files-100k', tree: many, state: cold, ways: one, goals: [rsync(2)] },
    { name: 'files-10k-changed', tree: few, state: 'changed', ways: one, goals: [rsync(1.2), webdav(0.1)] },
    { name: 'files-100k-changed', tree: many, state: 'changed', ways: one, goals: [rsync(1.2), webdav(0.1)] },
    { name: 'files-10k-unchanged', tree: few, state: 'unchanged', ways: one, goals: [rsync(1)] },
    { name: 'files-100k-unchanged', tree: many, state: 'unchanged', ways: one, goals: [rsync(1)] },
    { name: 'blobs-1g', tree: blobs(40, Math.ceil(2 ** 30 / shrink)), state: cold, ways: one, goals: [rsync(1.3)] },
    {
      ...{ name: 'files-10k-ten', tree: few, state: cold, ways: oneAndTen },
      goals: [
        { kind: 'ways', atMost: 4 },
        { kind: 'source reads', atMost: 0.5 },
      ],
    },
    { name: 'files-10k-50ms', tree: few, state: cold, ways: nearAndFar, goals: [{ kind: 'ways', atMost: 1.2 }] },
    { name: 'files-10k-changed-50ms', tree: few, state: 'changed', ways: nearAndFar, goals: [] },
    { name: 'files-10k-unchanged-50ms', tree: few, state: 'unchanged', ways: nearAndFar, goals: [] },
    {
      ...{ name: 'file-4g', tree: blobs(1, Math.ceil(2 ** 32 / shrink)), state: cold, ways: one, goals: [rsync(1.3)] },
      byNameOnly: true,
    },
    ...[10_000, 1_000_000].map((files): Scenario => {
      const tree = crumbs(Math.ceil(files / shrink))
      const name = files < 1_000_000 ? `memory-${files / 1000}k` : `memory-${files / 1_000_000}m`
      return { name, tree, state: cold, ways: one, goals: [], memory: true, byNameOnly: true }
    }),
  ]
}

/**
 * Whether a rival is run once alone, and its bytes counted at the same time: rclone waits 10 ms before each call to a webdav, of which a new
 * file takes three, whatever stands between both sides.
 */
export function isSlow({ state, tree }: Scenario, tool: string): boolean {
  return tool === rcloneWebdav && state === 'cold' && tree.files >= fewFiles
}

/** Whether it would take an hour, and is left out. */
export function isEndless({ state, tree, ways }: Scenario, tool: string): boolean {
  if (tool !== rcloneWebdav || state !== 'cold') return false
  return tree.files > 10_000 || ways.some(({ targets }) => targets > 1)
}

export function runsOf(scenario: Scenario, tool: string, runs: number): number {
  return isSlow(scenario, tool) ? 1 : runs
}
