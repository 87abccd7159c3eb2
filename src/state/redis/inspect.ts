import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'

/** Older ones have no scripts that are safe when memory is full, and are no longer mended. */
const oldest = 7

/**
 * What this Redis does not promise that the Store's contract does, in sentences for whoever runs it. Throws `invalid` for a
 * Redis that cannot be used at all, and whatever the connection does.
 */
export async function weaknessesOf(redis: Redis, replicas: number): Promise<string[]> {
  const [server, memory, persistence, replication] = await Promise.all(
    ['server', 'memory', 'persistence', 'replication'].map(async (section) => factsOf(await redis.info(section))),
  )
  const version = server?.get('redis_version') ?? '0'
  if (Number.parseInt(version, 10) < oldest)
    throw new ReplicationError('invalid', `Redis ${version} is too old; ${oldest}.0 or newer is needed`)
  return [
    ...unkept(persistence, await configured(redis, 'appendfsync')),
    ...crowded(memory),
    ...alone(replication, replicas),
  ]
}

type Facts = ReadonlyMap<string, string> | undefined

function unkept(facts: Facts, appendfsync: string | undefined): string[] {
  if (facts?.get('aof_enabled') === '0')
    return [
      'Redis keeps no append-only file (appendonly no): what it took since its last snapshot is lost when it ends',
    ]
  const found: string[] = []
  if (facts?.get('aof_last_write_status') === 'err')
    found.push('Redis cannot write its append-only file; its log says why')
  if (appendfsync === undefined)
    found.push(
      'Redis does not tell whether appendfsync is always; if it is not, its machine’s failure can lose the last second',
    )
  else if (appendfsync !== 'always')
    found.push(
      `Redis does not sync each write (appendfsync ${appendfsync}): its machine’s failure can lose the last second, or more`,
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

/** Undefined where Redis does not let it be read, as some that are rented do. */
async function configured(redis: Redis, name: string): Promise<string | undefined> {
  try {
    const [, value] = (await redis.config('GET', name)) as string[]
    return value
  } catch {
    return undefined
  }
}

function factsOf(info: string): ReadonlyMap<string, string> {
  return new Map(info.split('\r\n').map((line) => line.split(':', 2) as [string, string]))
}
