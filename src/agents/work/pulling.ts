import type { Again } from '../../queues/work.ts'
import { isPaused } from '../../queues/lanes.ts'
import { errorView, ReplicationError, type ErrorView } from '../../errors.ts'
import { parsePath } from '../../resources/path.ts'
import type { Pulled } from '../../endpoints/endpoint.ts'
import { accept } from '../commands/accept.ts'
import { lacksAny, receivePackage } from '../packages.ts'
import type { Parts } from '../parts.ts'
import type { Command } from '../commands/records.ts'
import type { Agent } from '../roster.ts'

/** How often an empty queue is asked again. */
const pollMs = 5000

/*
 * pulled/<agent>         Taken: what was pulled last, so that what comes again is not imported again
 * pull-failure/<agent>   PullFailure: there since the queue cannot be asked
 */
const pulledKey = (agent: string): string => `pulled/${agent}`
export const pullFailureKey = (agent: string): string => `pull-failure/${agent}`

interface Taken {
  readonly item: string
  readonly command: string
}

export interface PullFailure {
  readonly since: string
  readonly error: ErrorView
}

/**
 * Takes the next package of the queue that the agent draws from, and puts it onto the agent's own queues. It is
 * acknowledged only when it is durable here, and imported once, however often it comes. Answers when to ask again.
 */
export async function pullNext(
  parts: Parts,
  name: string,
  begin: (command: Command) => Promise<void>,
  signal: AbortSignal,
): Promise<Again | undefined> {
  const agent = await parts.roster.find(name)
  if (agent?.puller === undefined || !agent.config.enabled || (await isPaused(parts.store, name))) return undefined
  try {
    const pulled = await agent.puller().next(signal)
    await mended(parts, name)
    if (pulled === undefined) return { at: Date.now() + pollMs }
    await take(parts, agent, pulled, begin, signal)
    return { at: 0 }
  } catch (error) {
    if (!signal.aborted) await failed(parts, name, error)
    throw error
  }
}

async function take(
  parts: Parts,
  agent: Agent,
  pulled: Pulled,
  begin: (command: Command) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const key = pulledKey(agent.name)
  const before = await parts.store.get<Taken>(key)
  if (before?.value.item === pulled.item) pulled.body.destroy()
  else {
    const pkg = await receivePackage(parts, pulled.body, signal)
    const outcome = await accept(parts.store, parts.roster, {
      ...{ kind: 'import', action: pkg.action, deep: true, mode: pkg.mode, agents: [agent.name], package: pkg },
      signatures: await parts.packages.signatures(pkg.id),
      lacks: await lacksAny(parts, pkg),
      ...{ paths: pulled.paths?.map(parsePath) ?? pkg.roots, actor: 'pull' },
      alongside: (command) => ({
        checks: [{ key, version: before?.version ?? null }],
        writes: [{ put: key, value: { item: pulled.item, command: command.id } satisfies Taken }],
      }),
    })
    if (!outcome.taken) throw 'error' in outcome ? outcome.error : new ReplicationError('conflict', 'pulled twice')
    await begin(outcome.command)
  }
  await pulled.acknowledge(signal)
}

async function failed({ store, log }: Parts, agent: string, error: unknown): Promise<void> {
  const known = await store.get<PullFailure>(pullFailureKey(agent))
  const view = errorView(error)
  if (known?.value.error.detail === view.detail) return
  log.warn({ agent, err: error }, 'pull failed')
  const since = known?.value.since ?? new Date().toISOString()
  await store.commit({ writes: [{ put: pullFailureKey(agent), value: { since, error: view } satisfies PullFailure }] })
}

async function mended({ store }: Parts, agent: string): Promise<void> {
  const known = await store.get(pullFailureKey(agent))
  if (known !== undefined) await store.commit({ writes: [{ delete: pullFailureKey(agent) }] })
}
