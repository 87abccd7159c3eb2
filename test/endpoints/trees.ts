/** Reading endpoints whole, for tests that compare what they hold. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { ReadOptions, Source } from '../../src/endpoints/endpoint.ts'
import { rootPath, type ResourcePath } from '../../src/resources/path.ts'
import type { Resource } from '../../src/resources/resource.ts'

/** What lies at each path, in the order in which it was read; null is a folder. */
export type Held = readonly (readonly [path: string, content: Buffer | null])[]

export const never = new AbortController().signal

export async function bytesOf(resource: Resource): Promise<Buffer | null> {
  const content = resource.content?.()
  if (content === undefined) return null
  if (content instanceof Uint8Array) return Buffer.from(content)
  return Buffer.concat((await content.toArray()) as Buffer[])
}

export async function readAll(
  source: Source,
  path: ResourcePath = rootPath,
  options: Partial<ReadOptions> = {},
): Promise<Held> {
  const held: [string, Buffer | null][] = []
  for await (const resource of source.read(path, { deep: true, signal: never, ...options }))
    held.push([resource.path, await bytesOf(resource)])
  return held
}

export async function pathsIn(
  source: Source,
  path: ResourcePath = rootPath,
  options: Partial<ReadOptions> = {},
): Promise<string[]> {
  const paths: string[] = []
  for await (const resource of source.read(path, { deep: true, signal: never, ...options })) paths.push(resource.path)
  return paths
}

/** A folder that is removed after the test. */
export async function makeFolder(t: TestContext, parent = tmpdir()): Promise<string> {
  const folder = await mkdtemp(join(parent, 'trebuchet-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}
