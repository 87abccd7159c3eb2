import { ReplicationError } from '../../errors.ts'
import { comparePaths, quote, type ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import type { Agent } from '../roster.ts'
import { sidesOf, targetOf } from './compare.ts'

/** What a target of the agent holds, for another server that compares with it. */
export async function* holdingsOf(
  agent: Agent,
  asked: string | undefined,
  { path, deep }: { readonly path: ResourcePath; readonly deep: boolean },
  signal: AbortSignal,
): AsyncGenerator<ResourceState> {
  for await (const { path: at, digest, size } of sidesOf(agent, targetOf(agent, asked)).target.list([path], signal)) {
    if (!deep && at !== path) return
    yield { path: at, ...(digest !== undefined && { digest }), ...(size !== undefined && { size }) }
  }
}

/** One resource of it. Throws `missing`, also for a folder. */
export async function heldAt(
  agent: Agent,
  asked: string | undefined,
  path: ResourcePath,
  signal: AbortSignal,
): Promise<Resource & Required<Pick<Resource, 'content'>>> {
  const { target } = sidesOf(agent, targetOf(agent, asked))
  for await (const { content } of target.pickContents?.([path], signal) ?? target.pick([path], signal))
    if (content !== undefined) return { path, content }
  throw new ReplicationError('missing', `nothing with content is at ${quote(path)}`)
}

/** What it holds with content at these paths, in path order. */
export function allHeldAt(
  agent: Agent,
  asked: string | undefined,
  paths: readonly ResourcePath[],
  signal: AbortSignal,
): AsyncIterable<Resource> {
  const { target } = sidesOf(agent, targetOf(agent, asked))
  const inOrder = [...new Set(paths)].toSorted(comparePaths)
  return target.pickContents?.(inOrder, signal) ?? target.pick(inOrder, signal)
}

/** Which of these listings a package of all that it holds there would have; asked for the sake of a delivery that is to come, or not. Undefined too where that cannot be said at once. */
export async function listedAs(
  agent: Agent,
  asked: string | undefined,
  path: ResourcePath,
  listings: readonly string[],
  signal: AbortSignal,
  delivery: string | undefined,
): Promise<string | undefined> {
  return sidesOf(agent, targetOf(agent, asked)).target.listedAs?.([path], listings, signal, delivery)
}
