import { ReplicationError } from '../errors.ts'
import type { PackageReader } from '../packages/read.ts'
import type { PackageFile } from '../packages/manifest.ts'
import { entriesOfAll } from '../packages/whole.ts'
import type { Difference } from '../resources/byte-differences.ts'
import { comparePaths, quote, type ResourcePath } from '../resources/path.ts'
import type { ResourceState } from '../resources/resource.ts'

/**
 * What becomes of the target when it is made like the source: both listings side by side, in path order, holding no more of
 * them than one state each. Throws `rejected` for a listing that is out of order, for then what is missing cannot be told; what
 * the listings throw comes out as it is, so one that is not complete never counts as removal.
 */
export async function* differences<S extends ResourceState>(
  source: AsyncIterable<S>,
  target: AsyncIterable<S>,
): AsyncGenerator<Difference<S>, void, void> {
  const [left, right] = [inPathOrder(source, 'source'), inPathOrder(target, 'target')]
  try {
    let [one, other] = [await next(left), await next(right)]
    while (one !== undefined || other !== undefined) {
      const order = one === undefined ? 1 : other === undefined ? -1 : comparePaths(one.path, other.path)
      if (one !== undefined && order < 0) yield { state: 'added', path: one.path, source: one }
      else if (other !== undefined && order > 0) yield { state: 'removed', path: other.path, target: other }
      else if (one !== undefined && other !== undefined)
        yield { state: one.digest === other.digest ? 'same' : 'changed', path: one.path, source: one, target: other }
      if (order <= 0) one = await next(left)
      if (order >= 0) other = await next(right)
    }
  } finally {
    await Promise.all([left.return(), right.return()])
  }
}

/** What a package puts on a target, as a listing. Throws `invalid` for the index of parts. */
export async function* statesIn(pkg: PackageReader): AsyncGenerator<ResourceState, void, void> {
  for await (const entries of pkg.manifest())
    for (const { type, path, ...state } of entries) if (type !== 'delete') yield { path, ...state }
}

/** What packages put on a target, one behind the other, as a listing. Throws `invalid` where they are not in path order. */
export async function* statesOfAll(parts: readonly PackageFile[]): AsyncGenerator<ResourceState, void, void> {
  for await (const { entries } of entriesOfAll(parts))
    for (const { type, path, ...state } of entries) if (type !== 'delete') yield { path, ...state }
}

async function next<T>(items: AsyncGenerator<T, void, void>): Promise<T | undefined> {
  const { done, value } = await items.next()
  return done === true ? undefined : value
}

async function* inPathOrder<S extends ResourceState>(
  states: AsyncIterable<S>,
  side: string,
): AsyncGenerator<S, void, void> {
  let last: ResourcePath | undefined
  for await (const state of states) {
    if (last !== undefined && comparePaths(last, state.path) >= 0)
      throw new ReplicationError('rejected', `the ${side} lists ${quote(state.path)} behind ${quote(last)}`)
    last = state.path
    yield state
  }
}
