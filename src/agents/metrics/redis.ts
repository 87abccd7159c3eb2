import type { RedisFacts } from '../../state/redis/facts.ts'
import { Counts, Durations, Gauges, type Family } from './series.ts'

/** What this server sees of the Redis that it shares with others. */
export class RedisMetrics {
  readonly #redis: RedisFacts
  readonly #breaks = new Counts('trebuchet_redis_disconnects_total', 'Connections of this server to Redis that broke.')
  readonly #commands = new Durations(
    'trebuchet_redis_command_duration_seconds',
    'How long this server waited for what it asked Redis (ok, failed), for a connection included.',
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  )

  constructor(redis: RedisFacts) {
    this.#redis = redis
    this.#breaks.add({}, 0)
    redis.onBreak(() => this.#breaks.add({}))
    redis.onAnswer((tookMs, ok) => this.#commands.observe({ result: ok ? 'ok' : 'failed' }, tookMs / 1000))
  }

  /** Without its memory while Redis is away, or does not tell. Throws never. */
  async families(): Promise<readonly Family[]> {
    const memory = await this.#redis.memory().catch(() => undefined)
    const gauge = (name: string, help: string, value: number | undefined): Family[] =>
      value === undefined ? [] : [new Gauges(`trebuchet_redis_${name}`, help, [[{}, value]])]
    return [
      ...gauge('up', '1 while this server is connected to Redis.', Number(this.#redis.isUp())),
      ...gauge('memory_used_bytes', 'Memory that Redis has used (used_memory).', memory?.used),
      ...gauge('memory_max_bytes', 'Memory that Redis may use (maxmemory); 0: as much as there is.', memory?.max),
      this.#breaks,
      this.#commands,
    ]
  }
}
