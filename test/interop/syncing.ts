/** Documents over the seam: out of a source, into a package, into a target. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { parseJson } from '../../src/documents/json.ts'
import { pathOf } from '../../src/documents/names.ts'
import type { EndpointKind, ResourceResult, Source, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { rest } from '../../src/endpoints/rest.ts'
import { contentOf } from '../../src/endpoints/rest/form.ts'
import type { RestOptions } from '../../src/endpoints/rest/options.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import { rootPath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import { deliveryOf, pack, puts, type Tree } from '../endpoints/deliveries.ts'
import { never } from '../endpoints/trees.ts'

const context = { installation: 'test' }

export function sourceOf(t: TestContext, options: RestOptions): Source {
  const source = (rest as EndpointKind<RestOptions>).source?.(options, context)
  assert.ok(source !== undefined)
  t.after(() => source.close?.())
  return source
}

export function targetOf(t: TestContext, options: RestOptions): Target {
  const target = rest.target?.(options, context)
  assert.ok(target !== undefined)
  t.after(() => target.close?.())
  return target
}

/** As a source gives them: canonical JSON by path. */
export type Documents = Readonly<Record<string, Readonly<Record<string, unknown>> | string>>

export function treeOf(documents: Documents): Tree {
  return Object.fromEntries(
    Object.entries(documents).map(([name, document]) => {
      const slash = name.indexOf('/')
      const [type, id] = [name.slice(0, slash), name.slice(slash + 1)]
      const text = typeof document === 'string' ? document : JSON.stringify(document)
      return [pathOf({ type, id }), contentOf(parseJson(text))]
    }),
  )
}

/** What a source has, each document by its path, without folders. */
export async function documentsIn(source: Source): Promise<Record<string, string>> {
  const held: Record<string, string> = {}
  for await (const { path, content } of source.read(rootPath, { deep: true, signal: never }))
    if (content !== undefined) held[path] = String(content())
  return held
}

/** What became of each, by its path. */
export type Outcomes = Record<string, ResourceResult['outcome']>

export interface Applied {
  readonly outcomes: Outcomes
  readonly results: readonly ResourceResult[]
  readonly error: unknown
}

export async function applyTo(
  t: TestContext,
  target: Target,
  changes: readonly Change[] | Documents,
  { header = {}, ...options }: Partial<TargetDelivery> & { readonly header?: Partial<ManifestHeader> } = {},
): Promise<Applied> {
  const list = Array.isArray(changes) ? (changes as readonly Change[]) : puts(treeOf(changes as Documents))
  const results: ResourceResult[] = []
  let error: unknown
  const delivery = deliveryOf(await pack(t, list, header), { ...options, result: (one) => void results.push(one) })
  await target.apply(delivery, never).catch((thrown: unknown) => (error = thrown))
  return { outcomes: Object.fromEntries(results.map(({ path, outcome }) => [path, outcome])), results, error }
}

/** From one to the other, as a server and the command line do it. */
export async function sync(
  t: TestContext,
  from: Source,
  to: Target,
  header: Partial<ManifestHeader> = {},
): Promise<Outcomes> {
  const changes: Change[] = []
  for await (const resource of from.read(rootPath, { deep: true, signal: never }))
    changes.push({ kind: 'put', resource })
  const { outcomes, error } = await applyTo(t, to, changes, { header })
  if (error !== undefined) throw error
  return outcomes
}
