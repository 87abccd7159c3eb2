import { ReplicationError } from '../../errors.ts'
import { below, type Store } from '../../state/store.ts'
import type { Page } from '../commands/views.ts'
import { eventWrites } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { pendingWrites } from './outbox.ts'
import { hookNamed } from './send.ts'
import { aboutOf, dueKey, hookTask, messageKey, messagesOf, type HookMessage } from './records.ts'

export type HookMessageView = Omit<HookMessage, 'agent' | 'hook' | 'body' | 'expiresAt'> & {
  /** What is sent. */
  readonly payload: unknown
}

/** Newest first. `before`: the last id of the page before. */
export async function listMessages(
  store: Store,
  agent: string,
  { before, limit }: { readonly before?: string; readonly limit: number },
): Promise<Page<HookMessageView>> {
  const { from, to } = below(messagesOf(agent))
  const found = await store.range<HookMessage>({
    ...{ from, to: before === undefined ? to : messageKey(agent, before) },
    ...{ reverse: true, limit: limit + 1 },
  })
  const items = found.slice(0, limit).map(({ value }) => viewMessage(value))
  const last = items.at(-1)
  return found.length > limit && last !== undefined ? { items, next: last.id } : { items }
}

function viewMessage({ agent: _, hook: _hook, expiresAt: _expires, body, ...shown }: HookMessage): HookMessageView {
  return { ...shown, payload: JSON.parse(body) as unknown }
}

/**
 * Has a message sent again, at once and under the same id, whatever came of it. Throws `missing`, and `conflict` when the agent has
 * no such hook any more.
 */
export async function replay(parts: Parts, agent: Agent, id: string, actor: string): Promise<HookMessageView> {
  for (;;) {
    const found = /^[0-9A-Z]{26}$/.test(id) ? await parts.store.get<HookMessage>(messageKey(agent.name, id)) : undefined
    if (found === undefined)
      throw new ReplicationError('missing', `agent ${agent.name} has sent no message ${id.slice(0, 100)}`)
    const { value: was, key, version } = found
    if ((await hookNamed(parts, was)) === undefined) {
      const who = was.from === 'server' ? 'this server' : `agent ${agent.name}`
      throw new ReplicationError('conflict', `${who} no longer has a hook to ${was.url}`)
    }
    const at = new Date().toISOString()
    const { finishedAt: _, expiresAt: _expires, nextAttemptAt, ...left } = was
    const is: HookMessage = {
      ...{ ...left, status: 'pending', tries: 0, nextAttemptAt: at, replayedBy: actor, replayedAt: at },
    }
    const { ok } = await parts.store.commit({
      checks: [{ key, version }],
      writes: [
        ...(nextAttemptAt === undefined ? [] : [{ delete: dueKey(was, nextAttemptAt) }]),
        ...pendingWrites(is),
        ...eventWrites({
          type: 'hook.replayed',
          at,
          ...aboutOf(was),
          actor,
          data: { hook: id, url: was.url },
        }),
      ],
    })
    if (!ok) continue
    await parts.work.wake(hookTask(is))
    return viewMessage(is)
  }
}
