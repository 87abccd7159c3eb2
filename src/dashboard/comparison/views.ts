/** What the API answers of comparisons, as far as this page reads it; sizes are bytes. */

export type Class =
  | 'same'
  | 'converged'
  | 'fast-forward'
  | 'customised'
  | 'merge'
  | 'conflict'
  | 'new-at-source'
  | 'removed-at-target'
  | 'deleted-at-source'
  | 'target-only'
  | 'unbased'

export interface Side {
  readonly digest?: string
  readonly size?: number
  readonly folder?: true
}

export interface ChangedPart {
  readonly part: string
  readonly class: Class
  readonly source?: unknown
  readonly target?: unknown
  readonly base?: unknown
  readonly breaking?: readonly string[]
}

export interface ComparedResource {
  readonly path: string
  readonly state: 'existing' | 'added' | 'deleted'
  readonly class: Class
  readonly changed?: boolean
  readonly selected: boolean
  readonly source?: Side
  readonly target?: Side
  readonly base?: Side | null
  readonly format?: string
  readonly breaking?: readonly string[]
  readonly changes?: readonly ChangedPart[]
}

export interface ComparedDetail extends ComparedResource {
  readonly diff?: string
  readonly diffLeftOut?: number
}

export interface Summary {
  readonly id: string
  readonly agent: string
  readonly target: string
  readonly paths: readonly string[]
  readonly createdAt: string
  readonly actor: string
  readonly sourceDigest: string
  readonly targetDigest: string
  readonly counts: {
    readonly added: number
    readonly existing: number
    readonly changed: number
    readonly deleted: number
    readonly conflicts: number
  }
  readonly held: number
  readonly offered: number
  readonly reverts?: string
  readonly verified?: true
  readonly notes?: readonly string[]
}

export interface Comparison extends Summary {
  readonly recreate: readonly ComparedResource[]
  readonly differences: readonly ComparedResource[]
  readonly more?: true
}

export interface Plan {
  readonly creates: number
  readonly overwrites: number
  readonly deletes: number
  readonly unchanged: number
  readonly conflicts: number
  readonly guard?: string
  readonly approval?: true
  readonly errors: readonly { readonly pointer: string; readonly message: string }[]
}

export const presets = ['defaults', 'complete', 'modified', 'added', 'deleted', 'none'] as const
export type Preset = (typeof presets)[number]

export interface Selection {
  readonly preset: Preset
  readonly select: readonly string[]
  readonly deselect: readonly string[]
  readonly parts: Readonly<Record<string, readonly string[]>>
  readonly resolve: Readonly<Record<string, 'source' | 'target'>>
  readonly overwrite: boolean
}
