import { hash } from 'node:crypto'
import type { ErrorView } from '../../errors.ts'
import type { Task } from '../../queues/work.ts'
import type { HookType } from '../config/hooks.ts'

/*
 * What the Store keeps of what is told to others:
 *
 * hook-message/<agent>/<id>              HookMessage, made in the batch of what it tells of
 * hook-due/<agent>/<hook>/<time>/<id>    there while it is to be sent, from that time on
 */
const messagePrefix = 'hook-message/'
export const messagesOf = (agent: string): string => `${messagePrefix}${agent}/`
export const messageKey = (agent: string, id: string): string => `${messagesOf(agent)}${id}`
export const duePrefix = 'hook-due/'
export const dueOf = (agent: string): string => `${duePrefix}${agent}/`
export const dueBelow = (agent: string, hook: string): string => `${dueOf(agent)}${hook}/`

export interface HookMessage {
  /** The receiver knows it by this, however often it comes. */
  readonly id: string
  readonly agent: string
  /** Names the hook by its URL. */
  readonly hook: string
  /** Without its query; of the server's own hook only the origin. */
  readonly url: string
  /** Whose hook it is: the agent's own, or that of the server for all agents. */
  readonly from: 'agent' | 'server'
  readonly type: HookType
  readonly command?: string
  readonly target?: string
  /** What is sent, the same each time. */
  readonly body: string
  readonly createdAt: string
  readonly status: 'pending' | 'sent' | 'failed'
  /** Made so far, since it was asked for last. */
  readonly tries: number
  readonly nextAttemptAt?: string
  /** What the receiver answered last. */
  readonly answer?: number
  /** Why the last try failed. */
  readonly error?: ErrorView
  readonly finishedAt?: string
  /** Who wanted it sent again last. */
  readonly replayedBy?: string
  readonly replayedAt?: string
  /** Of one that is no longer pending: until when it is kept. */
  readonly expiresAt?: string
}

/** The same for the same URL, wherever it stands in the config. */
export function hookOf(url: string): string {
  return hash('sha256', url, 'base64url').slice(0, 16)
}

/** What it is about, as events say it. */
export function aboutOf({
  agent,
  command,
  target,
}: HookMessage): Pick<HookMessage, 'agent'> & Partial<Pick<HookMessage, 'command' | 'target'>> {
  return { agent, ...(command !== undefined && { command }), ...(target !== undefined && { target }) }
}

export function dueKey({ agent, hook, id }: HookMessage, at: string): string {
  return `${dueBelow(agent, hook)}${at}/${id}`
}

/** Sends what is due to one receiver, one after the other: whoever is slow holds up himself alone. */
export function hookTask({ agent, hook }: Pick<HookMessage, 'agent' | 'hook'>): Task {
  return { queue: 'hooks', key: `${agent}/${hook}`, data: { agent, hook }, label: agent }
}
