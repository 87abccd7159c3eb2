/** Packages and deliveries, for tests of targets. */
import { hash, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { TargetDelivery } from '../../src/endpoints/endpoint.ts'
import type { ManifestHeader, PackageFile } from '../../src/packages/manifest.ts'
import { writePackage } from '../../src/packages/write.ts'
import { comparePaths, parsePath, rootPath, type ResourcePath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import { makeFolder, never } from './trees.ts'

/** What a package puts at each path; null is a folder. */
export type Tree = Readonly<Record<string, string | Uint8Array | null>>

export function puts(tree: Tree): Change[] {
  return Object.entries(tree)
    .map(([path, content]): Change => {
      const bytes = content === null ? undefined : Buffer.from(content)
      return { kind: 'put', resource: { path: parsePath(path), ...(bytes !== undefined && { content: () => bytes }) } }
    })
    .toSorted((a, b) => comparePaths(pathOf(a), pathOf(b)))
}

export function deletes(path: string, deep = true): Change {
  return { kind: 'delete', path: parsePath(path), deep }
}

/** What a delta lists, and does not carry. */
export function held(tree: Readonly<Record<string, string | Uint8Array>>): Change[] {
  return Object.entries(tree).map(([path, content]) => {
    const bytes = Buffer.from(content)
    return { kind: 'held', path: parsePath(path), digest: hash('sha256', bytes), size: bytes.length }
  })
}

/** A delta when some of it is held. */
export async function pack(
  t: TestContext,
  changes: readonly Change[],
  header: Partial<ManifestHeader> = {},
): Promise<PackageFile> {
  const file = join(await makeFolder(t), 'package.zip')
  const action = changes.every(({ kind }) => kind === 'delete') && changes.length > 0 ? 'delete' : 'add'
  const summary = await writePackage(
    { format: 1, action, mode: 'update', roots: [rootPath], ...header },
    // eslint-disable-next-line typescript/require-await
    (async function* () {
      yield* changes.toSorted((a, b) => comparePaths(pathOf(a), pathOf(b)))
    })(),
    { file, delta: changes.some(({ kind }) => kind === 'held'), signal: never },
  )
  return { id: summary.id, file, ...(summary.carries && { carries: summary.carries }) }
}

/** A new delivery of its own, in epoch 1 of one lane, with no guard to speak of. */
export function deliveryOf(pkg: PackageFile, options: Partial<TargetDelivery> = {}): TargetDelivery {
  return {
    ...{ id: randomUUID(), lane: 'test/agent/default', epoch: 1, package: pkg },
    deletes: { maxPercent: 100, maxCount: 1_000_000 },
    ...options,
  }
}

function pathOf(change: Change): ResourcePath {
  return change.kind === 'put' ? change.resource.path : change.path
}
