import { ReplicationError } from '../../errors.ts'
import type { Batch } from '../../state/store.ts'
import { queuesOf, type AgentConfig } from './config.ts'

/** What the queues have to say when an agent loses queues (all of them when it is deleted, `keep` being empty). */
export interface QueueHooks {
  /** The agent's queues that are not in `keep` and hold items. */
  queuesInUse(agent: string, keep: readonly string[]): Promise<readonly string[]>
  /** What must hold and be written in the same batch; when a check fails, everything is asked again. */
  alsoOnDrop?(agent: string, keep: readonly string[], force: boolean): Promise<Batch>
}

/** What goes with the queues that the agent loses. Throws `conflict` when they hold items, unless forced. */
export async function dropWrites(
  hooks: QueueHooks,
  name: string,
  of: { readonly before: AgentConfig | undefined; readonly after: AgentConfig | undefined; readonly force: boolean },
): Promise<Batch> {
  const { before, after, force } = of
  const keep = after === undefined ? [] : queuesOf(after)
  const loses = before !== undefined && (after === undefined || queuesOf(before).some((queue) => !keep.includes(queue)))
  if (!loses) return { writes: [] }
  const inUse = force ? [] : await hooks.queuesInUse(name, keep)
  if (inUse.length > 0)
    throw new ReplicationError(
      'conflict',
      `agent ${name} still has items in ${inUse.join(', ')}; empty these queues first, or use force=true to drop the items`,
    )
  return (await hooks.alsoOnDrop?.(name, keep, force)) ?? { writes: [] }
}
