import type { Redis } from 'ioredis'

/*
 * What BullMQ keeps of one queue in Redis, as far as these scripts know it, below `<prefix>:<queue>:`
 *
 *   <job>        a hash: name, data and opts of a job
 *   <job>:lock   who runs it, for as long as he renews it
 *   wait         a list of the jobs that may run; prioritized, a sorted set of those with a priority, which ours have not
 *   active       a list of the jobs that run
 *   delayed      a sorted set of the jobs that wait for their time, each with 4096 times its ms
 *   marker       a sorted set that wakes a waiting worker: '1' with the time of the next delayed job, 0 for at once
 *   de:<key>     the one job of a key
 *   dn:<key>     a hash: the job that takes the place of the one that runs, when that ends. Its `at` is ours.
 *
 * Jobs are made and moved by BullMQ's own scripts only. These say when and with what a key goes on, each in one step, so
 * that an earlier time is never lost to a later one, whoever says it.
 */

/**
 * A wake-up of a key that has a job already: one that runs is followed by another, one that waits gets what is new and is
 * done no later than asked for.
 *
 * KEYS: de, dn, active, delayed, marker. ARGV: `<prefix>:<queue>:`, at, name, data, opts. Answers 1, or 0: it has no job.
 */
const wakeScript = `
local id = redis.call('GET', KEYS[1])
local job = ARGV[1] .. (id or '')
if not id or redis.call('EXISTS', job) == 0 then return 0 end
local at = tonumber(ARGV[2])
if redis.call('LPOS', KEYS[3], id) then
  local planned = tonumber(redis.call('HGET', KEYS[2], 'at') or at)
  redis.call('HSET', KEYS[2], 'name', ARGV[3], 'data', ARGV[4], 'opts', ARGV[5], 'at', math.min(at, planned))
  return 1
end
redis.call('HSET', job, 'name', ARGV[3], 'data', ARGV[4])
local score = redis.call('ZSCORE', KEYS[4], id)
if score and at * 4096 < tonumber(score) then
  redis.call('ZADD', KEYS[4], at * 4096, id)
  redis.call('ZADD', KEYS[5], redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')[2] / 4096, '1')
end
return 1
`

/**
 * What follows a job that is about to end, unless its lock is another's by now: the earlier of what its handler answered and
 * of what was asked for meanwhile. Its first write is one that Redis allows also when it is full, so that all are: what
 * follows takes no more room than what ends.
 *
 * KEYS: lock, dn. ARGV: token, now, at or '', name, data, opts, the label that the handler gave or ''.
 */
const planScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('PERSIST', KEYS[2])
local now, at, label = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[7]
local woken = redis.call('HMGET', KEYS[2], 'at', 'data')
if woken[1] then
  local wokenAt = tonumber(woken[1])
  at = math.min(at or wokenAt, wokenAt)
  if label ~= '' then
    local data = cjson.decode(woken[2])
    data.label = label
    redis.call('HSET', KEYS[2], 'name', label, 'data', cjson.encode(data))
  end
elseif at then
  redis.call('HSET', KEYS[2], 'name', ARGV[4], 'data', ARGV[5], 'at', at)
else
  return 1
end
local opts = cjson.decode(ARGV[6])
if at > now then opts.delay = at - now end
redis.call('HSET', KEYS[2], 'opts', cjson.encode(opts))
return 1
`

/**
 * Whoever ends a job and takes the next says to all that there may be more, and if there is none, each look costs a write.
 *
 * KEYS: wait, prioritized, marker.
 */
const hushScript = `
if redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', KEYS[2]) == 0 then redis.call('ZREM', KEYS[3], '0') end
`

export interface Scripts {
  wakeTask(de: string, dn: string, active: string, delayed: string, marker: string, ...words: string[]): Promise<number>
}

export function withScripts(redis: Redis): Redis & Scripts {
  redis.defineCommand('wakeTask', { numberOfKeys: 5, lua: wakeScript })
  redis.defineCommand('planNext', { numberOfKeys: 2, lua: planScript })
  redis.defineCommand('hush', { numberOfKeys: 3, lua: hushScript })
  return redis as Redis & Scripts
}
