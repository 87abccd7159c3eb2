import { surplusOf } from '../../endpoints/mirror.ts'
import type { Target } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { outermost, type ResourcePath } from '../../resources/path.ts'
import type { Agent } from '../roster.ts'

/**
 * Refuses a mirror that would remove more of a target than the agent's guard admits, before it is queued: there it would stand at
 * the head for ever. Targets that cannot list what they hold check it themselves when it comes. Throws `conflict`.
 */
export async function guardMirror(agent: Agent, file: PackageFile, signal: AbortSignal): Promise<void> {
  const pkg = await openPackage(file)
  try {
    for (const name of agent.targets) {
      const target = agent.target(name)
      if (target.list === undefined) continue
      await surplusOf(heldBy(target, pkg, signal), listedIn(pkg), pkg.header, agent.config.deletes)
    }
  } catch (error) {
    // What is wrong with the target itself shows when it is delivered to, and may have been mended by then.
    signal.throwIfAborted()
    if (error instanceof ReplicationError && error.code === 'conflict') throw error
  } finally {
    await pkg.close()
  }
}

async function* heldBy(target: Target, { header }: PackageReader, signal: AbortSignal): AsyncGenerator<ResourcePath> {
  for (const root of outermost(header.roots)) for await (const { path } of target.list?.(root, signal) ?? []) yield path
}

async function* listedIn(pkg: PackageReader): AsyncGenerator<ResourcePath> {
  for await (const entries of pkg.manifest()) for (const { path, type } of entries) if (type !== 'delete') yield path
}
