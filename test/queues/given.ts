import assert from 'node:assert/strict'
import type { Backoff } from '../../src/queues/backoff.ts'
import type { WorkLog } from '../../src/queues/in-process.ts'
import type { Handler, Task, Work } from '../../src/queues/work.ts'

/** Where servers find each other's tasks; for an engine inside the process, nowhere. */
export interface WorkPlace {
  /** Each is another server's. */
  open(log: WorkLog, backoff: Backoff): Promise<Work>
  remove(): Promise<void>
}

export const backoff: Backoff = { initialMs: 20, maxMs: 100, factor: 2, jitter: 0 }
export const hourMs = 3_600_000

export const delivery = (key: string, data: Task['data'] = {}): Task => ({ queue: 'deliveries', key, data })

/** A promise, and what fulfils it. */
export function promised<T = void>(): { promise: Promise<T>; fulfil: (value: T) => void } {
  let fulfil: (value: T) => void = () => undefined
  const promise = new Promise<T>((resolve) => {
    fulfil = resolve
  })
  return { promise, fulfil }
}

interface Passed {
  readonly task: Task
  readonly done: Promise<void>
  /** Whether the task that is seen is this one. */
  see(seen: Task): boolean
}

/** A task to be woken behind others: once it was done, whatever was due before it was, too. */
export function passed(): Passed {
  const task = delivery('last')
  const { promise, fulfil } = promised()
  return {
    task,
    done: promise,
    see: (seen) => {
      if (seen.key === task.key) fulfil()
      return seen.key === task.key
    },
  }
}

/** What each test of the suite has: a place and one Work of its own in it, not yet started. */
export class Given {
  readonly logged: { fields: Readonly<Record<string, unknown>>; message: string }[] = []
  readonly #makePlace: () => Promise<WorkPlace>
  #place: WorkPlace | undefined
  #works: Work[] = []

  constructor(makePlace: () => Promise<WorkPlace>) {
    this.#makePlace = makePlace
  }

  get place(): WorkPlace {
    assert.ok(this.#place !== undefined, 'there is no place')
    return this.#place
  }

  get work(): Work {
    const [work] = this.#works
    assert.ok(work !== undefined, 'the work is not open')
    return work
  }

  /** One more in the same place, as another server has it, not yet started. */
  async another(): Promise<Work> {
    const work = await this.place.open({ error: (fields, message) => this.logged.push({ fields, message }) }, backoff)
    this.#works.push(work)
    return work
  }

  async open(): Promise<void> {
    this.logged.length = 0
    this.#place = await this.#makePlace()
    await this.another()
  }

  async close(): Promise<void> {
    await Promise.all(this.#works.splice(0).map((work) => work.close(0)))
    await this.#place?.remove()
  }

  /** Starts it with this for the deliveries. */
  async handled(handler: Handler, concurrency = 10): Promise<void> {
    this.work.handle('deliveries', handler, { concurrency })
    await this.work.start()
  }
}
