/** OpenAPI documents in files, and what goes from one to the other. */
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseJson } from '../../../src/documents/json.ts'
import type { Fields } from '../../../src/documents/value.ts'
import { parseYaml } from '../../../src/documents/yaml.ts'
import type { ResourceResult, Source, Target, TargetDelivery } from '../../../src/endpoints/endpoint.ts'
import { openapi } from '../../../src/endpoints/openapi.ts'
import type { OpenapiOptions } from '../../../src/endpoints/openapi/options.ts'
import type { ManifestHeader } from '../../../src/packages/manifest.ts'
import { rootPath, type ResourcePath } from '../../../src/resources/path.ts'
import type { Change, ResourceState } from '../../../src/resources/resource.ts'
import { deliveryOf, pack } from '../deliveries.ts'
import { makeFolder, never } from '../trees.ts'

const context = { installation: 'test' }

export type About = Pick<OpenapiOptions, 'format' | 'owned' | 'servers'>

export function sourceAt(path: string, options: About = {}): Source {
  return openapi.source?.({ path, ...options }, context) ?? assert.fail()
}

export function targetAt(path: string, options: About = {}): Target {
  return openapi.target?.({ path, ...options }, context) ?? assert.fail()
}

/** A document in a folder of its own. */
export async function given(t: TestContext, text: string, name = 'api.yaml'): Promise<string> {
  const path = join(await makeFolder(t), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

/** Where it is in one of the published packages. */
export function published(age: 'old' | 'new', name: string): string {
  const home = dirname(createRequire(import.meta.url).resolve(`octokit-openapi-${age}`))
  return join(home, 'generated', name)
}

export async function changesIn(source: Source, paths?: readonly string[]): Promise<Change[]> {
  const changes: Change[] = []
  for await (const resource of source.read(rootPath, { deep: true, signal: never }))
    if (paths === undefined || paths.includes(resource.path)) changes.push({ kind: 'put', resource })
  return changes
}

export const mirror: Partial<ManifestHeader> = { mode: 'mirror' }

export async function apply(
  t: TestContext,
  target: Target,
  changes: readonly Change[],
  { header, ...delivery }: Partial<TargetDelivery> & { readonly header?: Partial<ManifestHeader> } = {},
): Promise<Record<string, string>> {
  const results: ResourceResult[] = []
  const pkg = await pack(t, changes, header)
  await target.apply(deliveryOf(pkg, { result: (one) => results.push(one), ...delivery }), never)
  return Object.fromEntries(results.map(({ path, outcome }) => [path, outcome]))
}

export async function listOf(target: Target, path: ResourcePath = rootPath): Promise<ResourceState[]> {
  const states: ResourceState[] = []
  for await (const state of target.list?.(path, never) ?? []) states.push(state)
  return states
}

export function textAt(path: string): string {
  return readFileSync(path, 'utf8')
}

export function valueIn(path: string): Fields {
  const text = textAt(path)
  return (path.endsWith('.json') ? parseJson(text) : parseYaml(text)) as Fields
}
