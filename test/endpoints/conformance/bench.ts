/** An endpoint in its own empty place, and what it holds. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { EndpointKind, Source, Target } from '../../../src/endpoints/endpoint.ts'
import type { ManifestHeader } from '../../../src/packages/manifest.ts'
import { comparePaths, type ResourcePath } from '../../../src/resources/path.ts'
import type { Change } from '../../../src/resources/resource.ts'
import { deliveryOf, pack, type Tree } from '../deliveries.ts'
import { never, readAll, type Held } from '../trees.ts'

/** An empty place of a kind's own. */
export interface Place {
  readonly options: unknown
  /** Reads what lies there, where the kind itself can not. */
  readonly source?: Source
}

export interface Rig {
  readonly kind: EndpointKind
  /** Cleans up after the test. */
  readonly make: (t: TestContext) => Promise<Place>
}

export interface Bench {
  readonly target: Target
  readonly source: Source
  /** Packs and applies, in a delivery of its own. */
  apply(changes: readonly Change[], header?: Partial<ManifestHeader>): Promise<void>
  /** What lies there now, in order, as `treeOf` shows it. */
  held(): Promise<Shown>
}

/** Paths and contents, large ones by their digest; without the root, which every place has sooner or later. */
export type Shown = readonly (readonly [path: string, content: string | null])[]

export async function benchOf({ kind, make }: Rig, t: TestContext): Promise<Bench> {
  const context = { installation: 'test' }
  const place = await make(t)
  const target = kind.target?.(place.options, context)
  const source = place.source ?? kind.source?.(place.options, context)
  assert.ok(target !== undefined && source !== undefined)
  t.after(() => target.close?.())
  t.after(() => source.close?.())
  return {
    ...{ target, source },
    apply: async (changes, header) => {
      await target.apply(deliveryOf(await pack(t, changes, header)), never)
    },
    held: async () => shown(await readAll(source)),
  }
}

export function shown(held: Held): Shown {
  return held.filter(([path]) => path !== '/').map(([path, content]) => [path, content && shownContent(content)])
}

/** What `held` answers for a place that holds just this. */
export function treeOf(tree: Tree): Shown {
  return Object.entries(tree)
    .toSorted(([a], [b]) => comparePaths(a as ResourcePath, b as ResourcePath))
    .map(([path, content]) => [path, content === null ? null : shownContent(Buffer.from(content))])
}

function shownContent(content: Buffer): string {
  return content.length <= 100 ? content.toString() : `${content.length} bytes, ${hash('sha256', content)}`
}
