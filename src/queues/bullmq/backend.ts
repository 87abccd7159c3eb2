import { QueueKeys, RedisConnection, RedisQueueBackend, type KeyPrefixOptions, type QueueBaseOptions } from 'bullmq'
import type { Redis } from 'ioredis'

type Client = Parameters<RedisQueueBackend['execCommand']>[0]
type Words = Parameters<RedisQueueBackend['execCommand']>[2]

/** BullMQ's backend of one queue; what follows a job is written together with the job's end. */
export class Backend extends RedisQueueBackend {
  /** By job: the words of `planNext`. */
  readonly #plans = new Map<string, readonly string[]>()

  /** `workers` is shared, `blocking` waits for jobs; whoever made them ends them. */
  constructor(name: string, opts: QueueBaseOptions & KeyPrefixOptions, workers: Redis, blocking: Redis) {
    const names = new QueueKeys(opts.prefix)
    const waiting = new RedisConnection(blocking, { shared: true, skipVersionCheck: true })
    // Without asking Redis for its version BullMQ takes it for an old one, which blocks for whole seconds only.
    void waiting.client.then(
      () => (waiting.capabilities = { canDoubleTimeout: true, canBlockFor1Ms: false }),
      () => undefined,
    )
    super(
      new RedisConnection(workers, { shared: true, blocking: false, skipVersionCheck: true }),
      name,
      names.getKeys(name),
      (type) => names.toKey(name, type),
      opts,
      waiting,
    )
  }

  /** To be done when the job ends. */
  plan(jobId: string, words: readonly string[]): void {
    this.#plans.set(jobId, words)
  }

  forget(jobId: string): void {
    this.#plans.delete(jobId)
  }

  /** One way to Redis and back, and one write to its disk, for the plan, the end, and BullMQ's fetching of the next job. */
  override async execCommand(client: Client, command: string, words: Words): Promise<unknown> {
    const plan =
      command === 'moveToFinished' ? this.#plans.get(String(words[this.moveToFinishedKeys.length])) : undefined
    if (plan === undefined || !('multi' in client)) return super.execCommand(client, command, words)
    const { wait = '', prioritized = '', marker = '' } = this.keys
    const hushed = [wait, prioritized, marker]
    const together = client.multi()
    together.runCommand('planNext', [...plan])
    super.execCommand(together, command, words)
    together.runCommand('hush', hushed)
    let refused: Error
    try {
      const [planned, ended, quiet] = (await together.exec()) ?? []
      if (ended?.[0] === null) {
        if (planned?.[0]) this.emit('error', planned[0])
        if (quiet?.[0]) await client.runCommand('hush', hushed)
        return ended[1]
      }
      refused = ended?.[0] ?? new Error('redis did not say how a job ended')
    } catch (error) {
      refused = error as Error
    }
    // A Redis that is full takes nothing together, and to one that has forgotten its scripts they are sent one by one.
    if (!/^(EXECABORT|NOSCRIPT)/.test(refused.message)) throw refused
    await client.runCommand('planNext', [...plan])
    await client.runCommand('hush', hushed)
    return super.execCommand(client, command, words)
  }
}
