import type { Mirroring, Survey, TargetDelivery } from '../../endpoints/endpoint.ts'
import { hasSurplus } from '../../endpoints/mirror.ts'
import type { Begun } from './begin.ts'

/** What the target finds for a mirror before anything of it is applied, if it can. Throws `conflict` when the guard does not admit it. */
export async function surveyMirror(
  { agent, delivery: { target } }: Begun,
  given: TargetDelivery,
  { header, parts }: Mirroring,
  signal: AbortSignal,
): Promise<Survey | undefined> {
  // Of anything else nothing is surplus.
  if (!hasSurplus(header)) return undefined
  return agent.target(target).survey?.({ ...given, header, parts, filters: agent.config.filters }, signal)
}
