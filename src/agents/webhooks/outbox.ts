import { monotonicFactory } from 'ulid'
import { shown } from '../../endpoints/rest/reply.ts'
import type { Task } from '../../queues/work.ts'
import { below, type Store, type Write } from '../../state/store.ts'
import type { Command } from '../commands/records.ts'
import type { Hook, HookType } from '../config/hooks.ts'
import type { Agent } from '../roster.ts'
import { dueBelow, dueKey, duePrefix, hookOf, hookTask, messageKey, type HookMessage } from './records.ts'

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
  const createdAt = new Date().toISOString()
  const messages = hooks
    .filter(({ on }) => on.includes(type))
    .map(({ url }): HookMessage => {
      const body = JSON.stringify({ type, timestamp: createdAt, data })
      return {
        ...{ id: nextId(), agent, hook: hookOf(url), url: shown(url), type, command, target: data.target, body },
        ...{ createdAt, status: 'pending', tries: 0, nextAttemptAt: createdAt },
      }
    })
  return { writes: messages.flatMap(pendingWrites), tasks: messages.map(hookTask) }
}

/** It is to be sent at `nextAttemptAt`. */
export function pendingWrites(message: HookMessage): Write[] {
  return [
    { put: messageKey(message.agent, message.id), value: message },
    { put: dueKey(message, message.nextAttemptAt ?? ''), value: true },
  ]
}

/** What is still to be sent, one task for each receiver and when its first is due. */
export async function* leftToSend(store: Store): AsyncGenerator<{ task: Task; at: number }, void, void> {
  const all = below(duePrefix)
  for (let { from } = all; ;) {
    const [first] = await store.range({ from, to: all.to, limit: 1 })
    if (first === undefined) return
    const [, agent = '', hook = '', at = ''] = first.key.split('/')
    yield { task: hookTask({ agent, hook }), at: Date.parse(at) }
    from = below(dueBelow(agent, hook)).to
  }
}
