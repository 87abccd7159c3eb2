import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { Asking } from './asking.ts'
import type { RedisClients } from './clients.ts'

/*
 *   servers      a sorted set: who uses this state, each with when he counts as gone (ms, by the clock of Redis)
 *   importing    who is putting another state in its place; while it is there no server starts
 *
 * Each script looks and writes in one go, so that of a server that starts and an import that begins one sees the other.
 */
const goneMs = 15_000
const tellEveryMs = 5000
/** Who ends waits no longer for a Redis that does not answer. */
const goodbyeMs = 1000

const nowMs = `local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`

/** KEYS: servers, importing. ARGV: who, for how long. Answers '', or who is importing. */
const announceScript = `${nowMs}
local importing = redis.call('GET', KEYS[2])
if importing then return importing end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return ''`

/** KEYS: servers. ARGV: who, for how long. */
const stayScript = `${nowMs}
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])`

/** KEYS: servers, importing. ARGV: who, for how long. Answers somebody who uses the state, or ''; and who imported last. */
const importScript = `${nowMs}
local there = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf', 'LIMIT', 0, 1)
if there[1] then return { there[1], '' } end
local last = redis.call('GET', KEYS[2])
redis.call('SET', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
return { '', last or '' }`

export interface Presence {
  /** The name by which others see it. */
  readonly name: string
  leave(): Promise<void>
}

export function serversKey(prefix: string): string {
  return `${prefix}:servers`
}

export function importingKey(prefix: string): string {
  return `${prefix}:importing`
}

/**
 * Shows a server to whoever wants the state for himself. Throws `conflict` while another state takes its place, `unavailable`
 * as Redis does.
 */
export async function announce({ callers, prefix }: RedisClients): Promise<Presence> {
  const name = nameOf('server')
  const importing = (await new Asking(callers).ask(() =>
    callers.eval(announceScript, 2, serversKey(prefix), importingKey(prefix), name, goneMs),
  )) as string
  if (importing !== '')
    throw new ReplicationError(
      'conflict',
      `an import into this Redis has not come to its end (${importing}): wait for it, or if it was broken off, repeat it ` +
        'or go back to the state before it with trebuchet state import --abandon',
    )
  return stay(callers, prefix, name)
}

/** The store in which an import writes: two never write in the same one. */
export function spaceOf(name: string): string {
  return `import-${name.slice(name.lastIndexOf(' ') + 1)}`
}

/**
 * Takes the state for an import alone. Throws `conflict` while a server or another import is there. Answers also who took it
 * and did not give it back.
 */
export async function takeForImport({
  callers,
  prefix,
}: RedisClients): Promise<{ readonly presence: Presence; readonly broken: string | undefined }> {
  const name = nameOf('import')
  const [there, broken] = (await new Asking(callers).ask(() =>
    callers.eval(importScript, 2, serversKey(prefix), importingKey(prefix), name, goneMs),
  )) as [string, string]
  if (there !== '')
    throw new ReplicationError(
      'conflict',
      `this state is in use (${there}): ${there.startsWith('import') ? 'wait for it' : 'stop all servers first'}; ` +
        `who was killed counts as gone after ${goneMs / 1000} s`,
    )
  return { presence: stay(callers, prefix, name), broken: broken === '' ? undefined : broken }
}

function nameOf(what: 'server' | 'import'): string {
  return `${what} on ${hostname()}, process ${process.pid}, since ${new Date().toISOString()}, ${randomUUID()}`
}

function stay(redis: Redis, prefix: string, name: string): Presence {
  // While Redis is away nobody can be told; afterwards all are told again.
  const tell = (): void => void redis.eval(stayScript, 1, serversKey(prefix), name, goneMs).catch(() => undefined)
  const timer = setInterval(tell, tellEveryMs)
  timer.unref()
  return {
    name,
    leave: async () => {
      clearInterval(timer)
      const gone = redis.zrem(serversKey(prefix), name).catch(() => undefined)
      await Promise.race([gone, delay(goodbyeMs, undefined, { ref: false })])
    },
  }
}
