import type { ResourcePath } from '../../resources/path.ts'

/*
 * What the Store keeps of comparisons; the rows themselves are in files (src/compare/row-files.ts):
 *
 * comparison/<id>                      Comparison
 * base/<agent>/<target>                BaseRecord: what source and target last had in common
 * base-log/<agent>/<target>/<sequence> BaseChange: what has changed it since, oldest first
 * application/<command>                Application: what a command that applies a comparison has kept so far
 * replaced/<command>/<agent>/<target>  Replaced: what a mirror has replaced there
 * drift/<agent>/<target>               DriftRecord: what the last comparison on a schedule has found
 */
export const comparisonPrefix = 'comparison/'
export const comparisonKey = (id: string): string => `${comparisonPrefix}${id}`
export const basePrefix = 'base/'
export const baseKey = (agent: string, target: string): string => `${basePrefix}${agent}/${target}`
export const baseLogPrefix = 'base-log/'
export const baseLog = (agent: string, target: string): string => `${baseLogPrefix}${agent}/${target}`
export const applicationPrefix = 'application/'
export const applicationKey = (command: string): string => `${applicationPrefix}${command}`
export const replacedPrefix = 'replaced/'
export const replacedKey = (command: string, agent: string, target: string): string =>
  `${replacedPrefix}${command}/${agent}/${target}`
export const driftPrefix = (agent: string): string => `drift/${agent}/`
export const driftKey = (agent: string, target: string): string => `${driftPrefix(agent)}${target}`

export interface ComparisonCounts {
  readonly added: number
  readonly existing: number
  readonly changed: number
  readonly deleted: number
  readonly conflicts: number
}

export interface Comparison {
  readonly id: string
  readonly agent: string
  readonly target: string
  readonly paths: readonly ResourcePath[]
  readonly createdAt: string
  readonly actor: string
  /** Of all that each side lists, in order: the seal of what is applied later. */
  readonly sourceDigest: string
  readonly targetDigest: string
  readonly counts: ComparisonCounts
  /** How many the target lists: what a guard's percentage is of. */
  readonly held: number
  /** So many are there at the source. */
  readonly offered: number
  /** The file of its rows. */
  readonly rows: string
  /** The command that it undoes; its source is what that command has replaced. */
  readonly reverts?: string
  /** All content was read for it, and is when it is applied. */
  readonly verified?: true
  /** What was passed over and why. */
  readonly notes?: readonly string[]
}

export interface BaseRecord {
  /** The pair of endpoints that it is the base of: with others it would say nothing. */
  readonly pair: string
  /** The file of its rows; absent while there are none. */
  readonly rows?: string
  /** At and below these it is known of every path whether there was anything. */
  readonly covers: readonly ResourcePath[]
  /** From its first comparison on the contents of documents are kept, so that they can be merged. */
  readonly keepsDocuments?: true
  /** The newest change in it. */
  readonly newest?: BaseChange
}

/** What a delivery has changed: what the package brings, or else the rows. */
export interface BaseChange {
  readonly pair: string
  readonly command: string
  readonly package?: string
  /** All below its roots was listed. */
  readonly deep?: boolean
  readonly paths?: readonly ResourcePath[]
  /** A file of BaseRows. */
  readonly rows?: string
  /** All at and below these is known then. */
  readonly covers?: readonly ResourcePath[]
  /** The target has turned out to hold something else: until something newer is known nothing is to be sent that counts on it. */
  readonly doubted?: true
}

/** What a command applies. */
export interface Application {
  readonly command: string
  readonly comparison: string
  /** The decided rows of the comparison, a file of PlannedRows. */
  readonly plan: string
  /** With it, it is known of all that was compared what both sides have in common. */
  readonly covers?: readonly ResourcePath[]
  /** What the base becomes, a file of BaseRows; there once the package is. */
  readonly rebase?: string
  /** What it was before, for whoever undoes it. */
  readonly rebaseBack?: string
  /** What each write makes of its resource, a file of ResultRows. */
  readonly results?: string
  /** What the target held before, as a package; there before the first resource is written. */
  readonly undo?: string
}

/** What a mirror has replaced at one target. */
export interface Replaced {
  readonly command: string
  readonly agent: string
  readonly target: string
  /** The package of it. */
  readonly undo: string
  /** The paths at which it has written, a file of rows with `path`. */
  readonly written: string
  /** What the base was there, a file of BaseRows. */
  readonly rebaseBack: string
}

/** What applying makes of one resource. */
export interface ResultRow {
  readonly path: ResourcePath
  readonly outcome: 'created' | 'overwritten' | 'deleted'
  /** SHA-256 of the content that was there, and of the one that is written. */
  readonly before?: string
  readonly after?: string
  /** SHA-256 of what the target owns of it: equal, for it survives. */
  readonly preserved?: { readonly before: string; readonly after: string }
}
