import { errorView, type Fault } from '../../errors.ts'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import type { AgentConfig } from './config.ts'
import { optionsOf } from './endpoint-config.ts'
import { hookWithSecrets } from './hooks.ts'
import type { Known } from './secret.ts'
import { withSecrets } from './secrets.ts'

/** What is allowed and will probably disappoint; `config` is valid. */
export async function configWarnings(
  config: AgentConfig,
  kinds: readonly EndpointKind[],
  known: Known,
): Promise<Fault[]> {
  const warnings: Fault[] = []
  if (config.targets.length === 0 && config.passive.length === 0)
    warnings.push({ pointer: '/targets', message: 'there is no target and no passive queue, so packages go nowhere' })
  const endpoints = [
    ...(config.source === undefined ? [] : [{ pointer: '/source', endpoint: config.source }]),
    ...config.targets.map((endpoint, i) => ({ pointer: `/targets/${i}`, endpoint })),
  ]
  for (const { pointer, endpoint } of endpoints) {
    const kind = kinds.find(({ name }) => name === endpoint.kind)
    if (kind === undefined) continue
    try {
      await withSecrets(optionsOf(endpoint, kind), kind, known)
    } catch (error) {
      warnings.push({ pointer, message: errorView(error).detail })
    }
  }
  for (const [i, hook] of (config.hooks ?? []).entries())
    try {
      await hookWithSecrets(hook, known)
    } catch (error) {
      warnings.push({ pointer: `/hooks/${i}`, message: errorView(error).detail })
    }
  return warnings
}
