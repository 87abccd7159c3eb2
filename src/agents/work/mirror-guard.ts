import { countSurplus } from '../../endpoints/mirror.ts'
import type { Target } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageFile, PackageId } from '../../packages/manifest.ts'
import { entriesOfAll } from '../../packages/whole.ts'
import { outermost, type ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

/**
 * Refuses a mirror that would remove more of a target than the agent's guard admits, before it is queued: there it would stand at
 * the head for ever. Targets that cannot list what they hold check it themselves when it comes. Throws `conflict`.
 */
export async function guardMirror(
  { packages }: Pick<Parts, 'packages'>,
  agent: Agent,
  { header, parts }: { readonly header: ManifestHeader; readonly parts: readonly PackageId[] },
  signal: AbortSignal,
): Promise<void> {
  const files: PackageFile[] = []
  for (const id of parts) files.push(await packages.file(id))
  try {
    for (const name of agent.targets) {
      const target = agent.target(name)
      if (target.guard !== undefined) await target.guard({ header, parts: files }, agent.config.deletes, signal)
      else if (target.list !== undefined)
        await countSurplus(heldBy(target, header, signal), listedIn(files), header, agent.config.deletes)
    }
  } catch (error) {
    // What is wrong with the target itself shows when it is delivered to, and may have been mended by then.
    signal.throwIfAborted()
    if (error instanceof ReplicationError && error.code === 'conflict') throw error
  }
}

async function* heldBy(target: Target, { roots }: ManifestHeader, signal: AbortSignal): AsyncGenerator<ResourcePath> {
  for (const root of outermost(roots)) for await (const { path } of target.list?.(root, signal) ?? []) yield path
}

async function* listedIn(files: readonly PackageFile[]): AsyncGenerator<ResourcePath> {
  for await (const { entries } of entriesOfAll(files))
    for (const { path, type } of entries) if (type !== 'delete') yield path
}
