import { monotonicFactory } from 'ulid'
import { shown } from '../../endpoints/rest/reply.ts'
import type { Task } from '../../queues/work.ts'
import { below, type Store, type Write } from '../../state/store.ts'
import type { Command } from '../commands/records.ts'
import type { Hook, HookType } from '../config/hooks.ts'
import type { Agent } from '../roster.ts'
import { dueBelow, dueKey, dueOf, duePrefix, hookOf, hookTask, messageKey, type HookMessage } from './records.ts'

const nextId = monotonicFactory()

/** What is to be told: the writes belong into the batch of what it tells of, the tasks are woken afterwards. */
export interface Outgoing {
  readonly writes: readonly Write[]
  readonly tasks: readonly Task[]
}

interface Delivered {
  readonly command: Command
  readonly target: string
  readonly package: string
  readonly entries: number
  readonly bytes: number
}

/** To each hook of the agent that wants to hear of it, once. */
export function tellDelivered({ name, config }: Agent, delivered: Delivered): Outgoing {
  const { command, target, package: pkg, entries, bytes } = delivered
  const { application } = command
  if (application === undefined)
    return outgoing(name, config.hooks, 'delivered', command.id, {
      ...{ agent: name, target, command: command.id, kind: command.kind, action: command.action },
      ...{ package: pkg, entries, bytes },
    })
  const { comparison, writes, deletes, reverts } = application
  return outgoing(name, config.hooks, 'applied', command.id, {
    ...{ agent: name, target, command: command.id, comparison, writes, deletes },
    ...(reverts !== undefined && { reverts }),
    package: pkg,
  })
}

function outgoing(
  agent: string,
  hooks: readonly Hook[] = [],
  type: HookType,
  command: string,
  data: Readonly<Record<string, unknown>> & { readonly target: string },
): Outgoing {
  const receivers = hooks.filter(({ on }) => on.includes(type)).map(({ url }) => ({ url, hook: hookOf(url) }))
  return messageWrites(receivers, type, { agent, command, target: data.target, data })
}

export type Receiver = Pick<HookMessage, 'hook' | 'url'> & Partial<Pick<HookMessage, 'from'>>

type Facts = Pick<HookMessage, 'agent'> &
  Partial<Pick<HookMessage, 'command' | 'target'>> & { readonly data: Readonly<Record<string, unknown>> }

/** One message for each. */
export function messageWrites(receivers: readonly Receiver[], type: HookType, { data, ...about }: Facts): Outgoing {
  const createdAt = new Date().toISOString()
  const body = JSON.stringify({ type, timestamp: createdAt, data })
  const messages = receivers.map(({ hook, url, from = 'agent' }): HookMessage => ({
    ...{ id: nextId(), hook, url: shown(url), from, type, ...about, body },
    ...{ createdAt, status: 'pending', tries: 0, nextAttemptAt: createdAt },
  }))
  return { writes: messages.flatMap(pendingWrites), tasks: messages.map(hookTask) }
}

/** It is to be sent at `nextAttemptAt`. */
export function pendingWrites(message: HookMessage): Write[] {
  return [
    { put: messageKey(message.agent, message.id), value: message },
    { put: dueKey(message, message.nextAttemptAt ?? ''), value: true },
  ]
}

/** What is still to be sent, by all or by one agent: one task for each receiver and when its first is due. */
export async function* leftToSend(
  store: Store,
  agent?: string,
): AsyncGenerator<{ task: Task; at: number }, void, void> {
  const all = below(agent === undefined ? duePrefix : dueOf(agent))
  for (let { from } = all; ;) {
    const [first] = await store.range({ from, to: all.to, limit: 1 })
    if (first === undefined) return
    const [, agent = '', hook = '', at = ''] = first.key.split('/')
    yield { task: hookTask({ agent, hook }), at: Date.parse(at) }
    from = below(dueBelow(agent, hook)).to
  }
}
