import type { Store, Write } from '../../state/store.ts'
import type { Hook, NoticeType } from '../config/hooks.ts'
import { configKey, type StoredConfig } from '../config/record.ts'
import type { EventType, ReplicationEvent } from '../events/events.ts'
import { messageWrites, type Receiver } from './outbox.ts'
import { hookOf } from './records.ts'

/** Kept in the Store, so that whoever writes a fact down, on any server, also writes down whom to tell. */
const audienceKey = 'audience'

/** Who is told of all agents, and where people look. */
export interface Audience {
  readonly server?: Receiver & { readonly on: readonly string[] }
  /** The origin under which others reach this server. */
  readonly publicUrl?: string
}

/** What a server makes known when it starts; of several the last one counts. */
export async function setAudience(store: Store, audience: Audience): Promise<void> {
  const known = await store.get<Audience>(audienceKey)
  if (JSON.stringify(known?.value ?? {}) === JSON.stringify(audience)) return
  const isEmpty = Object.keys(audience).length === 0
  await store.commit({ writes: [isEmpty ? { delete: audienceKey } : { put: audienceKey, value: audience }] })
}

/** The hook of the server itself, to which all agents tell what it is `on` for. */
export interface ServerHook {
  readonly hook: Hook
  /** Never the same as that of an agent's hook. */
  readonly id: string
}

export function serverHookOf(hook: Hook): ServerHook {
  return { hook, id: hookOf(`server ${hook.url}`) }
}

/** Its URL may be a secret in itself: only where it leads to is shown. */
export function audienceOf(server: ServerHook | undefined, publicUrl: string | undefined): Audience {
  return {
    ...(server && { server: { hook: server.id, url: new URL(server.hook.url).origin, on: server.hook.on } }),
    ...(publicUrl !== undefined && { publicUrl }),
  }
}

export interface Notice {
  readonly agent: string
  readonly target?: string
  readonly command?: string
  /** What else there is to say; without secrets. */
  readonly [more: string]: unknown
}

/**
 * The messages to all who want to hear of it: they belong into the batch of the fact, beside its event, by which the servers
 * know that there is something to send.
 */
export async function noticeWrites(store: Store, type: NoticeType, notice: Notice): Promise<readonly Write[]> {
  const [config, found] = await store.getAll([configKey(notice.agent), audienceKey])
  const { server, publicUrl } = (found?.value ?? {}) as Audience
  const hooks = (config?.value as StoredConfig | undefined)?.config.hooks ?? []
  const receivers: Receiver[] = [
    ...hooks.filter(({ on }) => on.includes(type)).map(({ url }) => ({ url, hook: hookOf(url) })),
    ...(server?.on.includes(type) === true ? [{ hook: server.hook, url: server.url, from: 'server' as const }] : []),
  ]
  if (receivers.length === 0) return []
  const { agent, command, target } = notice
  const url = publicUrl === undefined ? {} : { url: `${publicUrl}/#/agents/${agent}` }
  return messageWrites(receivers, type, {
    ...{ agent, data: { ...notice, ...url } },
    ...(command !== undefined && { command }),
    ...(target !== undefined && { target }),
  }).writes
}

const told: ReadonlySet<EventType> = new Set([
  ...(['queue.blocked', 'queue.recovered', 'drift.found', 'drift.ended', 'trigger.missed'] as const),
])

/** Whether the batch of this event may have left messages. */
export function hasNotices({ type, data }: ReplicationEvent): boolean {
  if (type !== 'command.finished') return told.has(type)
  const { status } = data as { readonly status?: string }
  return status === 'failed' || status === 'partial'
}
