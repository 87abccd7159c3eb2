import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { Asking } from './asking.ts'
import type { RedisClients } from './clients.ts'

/** Older ones have no scripts that are safe when memory is full, and are no longer mended. */
const oldest = 7

type Connection = Pick<RedisClients, 'callers' | 'prefix'>

/** Throws `invalid` for a Redis that cannot be used, whatever is waited for, and `unavailable` as the Store does. */
export async function checkUsable({ callers, prefix }: Connection): Promise<void> {
  const asking = new Asking(callers)
  const server = await asking.ask(() => factsOf(callers, 'server'))
  const version = server?.get('redis_version')
  if (version !== undefined && Number.parseInt(version, 10) < oldest)
    throw new ReplicationError('invalid', `Redis ${version} is too old; ${oldest}.0 or newer is needed`)
  const missing = (await asking.ask(() => callers.eval(permissionScript, 1, `${prefix}:store:any`))) as string[]
  if (missing.length > 0)
    throw new ReplicationError(
      'invalid',
      `Redis does not let this server's user do ${missing.join(', ')}: it needs +@all ~${prefix}:* in its ACL`,
    )
}

/** What this Redis does not promise that the Store's contract does, in sentences for whoever runs it. */
export async function weaknessesOf({ callers }: Connection, replicas: number): Promise<string[]> {
  return await new Asking(callers).ask(async () => {
    const [memory, persistence, replication] = await Promise.all([
      factsOf(callers, 'memory'),
      factsOf(callers, 'persistence'),
      factsOf(callers, 'replication'),
    ])
    if (persistence === undefined)
      return ['Redis tells nothing of itself (INFO): whether it keeps what it takes is not known']
    return [
      ...(await unsaved(persistence, (name) => configured(callers, name))),
      ...(await unkept(persistence, (name) => configured(callers, name))),
      ...crowded(memory),
      ...alone(replication, replicas),
    ]
  })
}

/** What Redis has used of its memory, and of how much (0: of all that there is), in bytes. Undefined where it does not tell. */
export async function memoryOf({ callers }: Connection): Promise<{ used: number; max: number } | undefined> {
  const facts = await new Asking(callers).ask(() => factsOf(callers, 'memory'))
  const [used, max] = [facts?.get('used_memory'), facts?.get('maxmemory')]
  return used === undefined || max === undefined ? undefined : { used: Number(used), max: Number(max) }
}

/** What a batch may need: were one of them refused in the middle, the batch would be done by half. */
const permissionScript = `
local missing = {}
local function need(...)
  if not redis.acl_check_cmd(...) then missing[#missing + 1] = (...) end
end
need('HGET', KEYS[1], 'f')
need('HMGET', KEYS[1], 'f')
need('HSET', KEYS[1], 'f', 'v')
need('HDEL', KEYS[1], 'f')
need('ZADD', KEYS[1], '0', 'm')
need('ZREM', KEYS[1], 'm')
need('ZRANGE', KEYS[1], '-', '+', 'BYLEX')
need('XADD', KEYS[1], '*', 'f', 'v')
need('XREVRANGE', KEYS[1], '+', '-')
need('XREAD', 'STREAMS', KEYS[1], '0')
need('EVALSHA', '', '1', KEYS[1])
need('WAIT', '0', '0')
return missing
`

type Facts = ReadonlyMap<string, string> | undefined

type Setting = (name: string) => Promise<string | undefined>

async function unsaved(facts: Facts, setting: Setting): Promise<string[]> {
  if (facts?.get('rdb_last_bgsave_status') !== 'err') return []
  const [save, stops] = [await setting('save'), await setting('stop-writes-on-bgsave-error')]
  if (save === '' || stops === 'no') return []
  return ['Redis could not write its last snapshot, and takes nothing until it can; its log says why']
}

async function unkept(facts: Facts, setting: Setting): Promise<string[]> {
  if (facts?.get('aof_enabled') === '0')
    return [
      'Redis keeps no append-only file (appendonly no): what it took since its last snapshot is lost when it ends',
    ]
  const found: string[] = []
  if (facts?.get('aof_last_write_status') === 'err')
    found.push('Redis cannot write its append-only file; its log says why')
  const appendfsync = await setting('appendfsync')
  if (appendfsync === undefined)
    found.push(
      'Redis does not tell whether appendfsync is always; if it is not, its machine’s failure can lose the last second',
    )
  else if (appendfsync !== 'always')
    found.push(
      `Redis does not sync each write (appendfsync ${appendfsync}): its machine’s failure can lose the last second, or more`,
    )
  // It cuts off the last command, but not the beginning of the batch that this was in (valkey-io/valkey#4342): what it
  // takes from then on belongs to that batch when it reads its file again.
  if ((await setting('aof-load-truncated')) === 'yes')
    found.push(
      'Redis mends its append-only file itself when its machine has failed, and can lose what it takes afterwards ' +
        '(aof-load-truncated yes): set it to no, and have redis-check-aof --fix run before Redis starts',
    )
  return found
}

function crowded(facts: Facts): string[] {
  const found: string[] = []
  const policy = facts?.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction')
    found.push(`Redis throws entries away when its memory is full (maxmemory-policy ${policy}): set noeviction`)
  const limit = Number(facts?.get('maxmemory') ?? 0)
  const used = Number(facts?.get('used_memory') ?? 0)
  if (limit > 0 && used > 0.9 * limit)
    found.push(
      `Redis has used ${Math.floor((100 * used) / limit)} % of its memory: when it is full, nothing more is accepted`,
    )
  return found
}

function alone(facts: Facts, replicas: number): string[] {
  const connected = Number(facts?.get('connected_slaves') ?? 0)
  if (facts?.get('role') === 'slave') return ['Redis is a replica: nothing can be written']
  if (connected < replicas)
    return [`Redis has ${connected} replicas, REDIS_REPLICAS asks for ${replicas}: nothing can be committed`]
  if (connected > 0 && replicas === 0)
    return ['Redis answers before its replicas have a commit: a failover can lose the last ones; set REDIS_REPLICAS']
  return []
}

async function configured(redis: Redis, name: string): Promise<string | undefined> {
  const [, value] = ((await permitted(redis.config('GET', name))) ?? []) as string[]
  return value
}

async function factsOf(redis: Redis, section: string): Promise<Facts> {
  const info = await permitted(redis.info(section))
  if (info === undefined) return undefined
  return new Map(info.split('\r\n').map((line) => line.split(':', 2) as [string, string]))
}

/** Undefined where Redis does not let it be read, as some that are rented do. */
async function permitted<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer
  } catch (error) {
    if (/^(NOPERM|ERR unknown)/.test((error as Error).message)) return undefined
    throw error
  }
}
