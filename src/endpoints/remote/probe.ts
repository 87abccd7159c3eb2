/** Whether another server can be reached, and its agent takes packages, as far as that can be told without sending one. */
import { ReplicationError } from '../../errors.ts'
import type { HttpCaller } from '../http-caller.ts'
import { reachSteps } from '../reach.ts'
import { remark, type Step } from '../step.ts'

interface FarConfig {
  readonly enabled?: boolean
  readonly targets?: readonly unknown[]
  readonly passive?: readonly unknown[]
}

export function remoteSteps(caller: HttpCaller, agent: string, signal: AbortSignal): Step[] {
  let config: FarConfig | ReplicationError | undefined
  return [
    ...reachSteps(caller.origin, signal, { hosts: caller.hosts, tls: caller.tls }),
    [
      'answer',
      async () => {
        await caller.call('GET', '/health/live', { signal })
        return undefined
      },
    ],
    [
      'auth',
      async () => {
        try {
          config = (await caller.call('GET', `/replication/config/${agent}`, { signal })).body as FarConfig
        } catch (error) {
          if (!(error instanceof ReplicationError) || ['unauthenticated', 'forbidden'].includes(error.code)) throw error
          config = error
        }
        return undefined
      },
    ],
    [
      'version',
      async () => {
        const { body } = await caller.call('GET', '/openapi.json', { signal })
        const { title, version } = (body as { info?: { title?: unknown; version?: unknown } } | undefined)?.info ?? {}
        return typeof version === 'string' ? remark(`${String(title)} ${version}`) : 'it does not say what it is'
      },
    ],
    ['write', () => whyNoImport(config)],
  ]
}

function whyNoImport(config: FarConfig | ReplicationError | undefined): string | undefined {
  if (config instanceof ReplicationError) throw config
  const { enabled, targets = [], passive = [] } = config ?? {}
  if (enabled === false) return 'the agent is disabled there'
  return targets.length + passive.length === 0 ? 'the agent has no target there' : undefined
}
