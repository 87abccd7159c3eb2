import { errorView, isTransient } from '../../errors.ts'
import type { Seen } from '../../endpoints/endpoint.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import { patienceOf, type WatchTrigger } from '../config/config.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { fire, tell, type Begin } from './firing.ts'
import { errandsFor, PendingChanges, type Errand } from './pending.ts'
import { Reads } from './reads.ts'
import { idOf, markKey, type TriggerMark } from './records.ts'

/** How long it waits when the source, the Store or a full queue makes it wait. */
const retryMs = 2000

/** What was seen in one agent's source and is not sent yet, in memory: a server that is killed forgets it. */
export class Collector {
  readonly #parts: Parts
  readonly #begin: Begin
  readonly #name: string
  readonly #pending = new PendingChanges()
  readonly #reads = new Reads()
  readonly #closing = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #since: number | undefined
  #patience = { debounceMs: 0, maxWaitMs: 0 }
  #firing: Promise<void> | undefined
  #waits = false

  constructor(parts: Parts, name: string, begin: Begin) {
    this.#parts = parts
    this.#name = name
    this.#begin = begin
  }

  set trigger(trigger: WatchTrigger) {
    this.#patience = patienceOf(trigger)
  }

  note(seen: Seen): void {
    const { path, passing = false, fresh = false } = seen
    const found = (passing || fresh) && this.#reads.mayFind(path)
    if (passing && !found) return
    // What came into a folder and went while it was being read may be at the targets, and is told; not so what the root was.
    const whole = seen.whole === true || (fresh && path === rootPath && found)
    this.#pending.note({ ...seen, whole, fresh: fresh && path !== rootPath && !found })
    this.#since ??= Date.now()
    if (this.#waits) return
    const { debounceMs, maxWaitMs } = this.#patience
    this.#plan(Math.max(0, Math.min(debounceMs, this.#since + maxWaitMs - Date.now())))
  }

  /** The package of a command is made, or never will be. */
  ended(command: string): void {
    this.#reads.ended(command)
  }

  /** Sends what there is, once, without waiting for more. */
  async flush(): Promise<void> {
    await this.#firing
    await this.#fire()
  }

  /** Forgets what there is. */
  close(): void {
    this.#closing.abort()
    clearTimeout(this.#timer)
    this.#pending.take()
  }

  #plan(ms: number): void {
    clearTimeout(this.#timer)
    if (this.#closing.signal.aborted) return
    this.#timer = setTimeout(() => {
      this.#firing ??= this.#fire().finally(() => (this.#firing = undefined))
      void this.#firing.then(
        () => this.#pending.size > 0 && this.#plan(this.#waits ? retryMs : this.#patience.debounceMs),
      )
    }, ms)
  }

  /** Whatever could not be sent is pending again. */
  async #fire(): Promise<void> {
    clearTimeout(this.#timer)
    const taken = this.#pending.take()
    this.#since = undefined
    if (taken.length === 0) return
    let left: readonly Seen[] = taken
    const read = this.#reads.begin(taken.map(({ path }) => path))
    try {
      const agent = await this.#parts.roster.find(this.#name)
      if (agent === undefined || !agent.config.enabled) return
      const trigger = agent.config.triggers.find(({ kind }) => kind === 'watch')
      const watcher = agent.watcher?.()
      if (trigger === undefined || watcher === undefined) return
      const errands = await errandsFor(taken, {
        roots: agent.config.roots as readonly ResourcePath[],
        includes: agent.includes,
        look: (paths) => watcher.look(paths, this.#closing.signal),
      })
      for (const [i, errand] of errands.entries()) {
        left = seenIn(errands.slice(i))
        const key = markKey(agent.name, idOf(trigger))
        if (!(await this.#send(agent, key, errand, (command) => read.by(command)))) return this.#wait(left)
      }
      this.#waits = false
    } catch (error) {
      if (this.#closing.signal.aborted) return
      if (!this.#waits) this.#parts.log.warn({ agent: this.#name, err: error }, 'trigger waits')
      this.#wait(left)
    } finally {
      read.end()
    }
  }

  #wait(left: readonly Seen[]): void {
    this.#waits = true
    for (const seen of left) this.#pending.note(seen)
  }

  /** False when it has to wait. */
  async #send(agent: Agent, key: string, errand: Errand, asked: (command: string) => void): Promise<boolean> {
    const cause = { trigger: 'watch' } as const
    for (;;) {
      const { watchingSince } = (await this.#parts.store.get<TriggerMark>(key))?.value ?? {}
      const since = watchingSince !== undefined && { watchingSince }
      const outcome = await fire(
        this.#parts,
        agent.name,
        {
          ...{ ...errand, deep: true, cause },
          alongside: ({ id, createdAt }) => ({
            checks: [],
            writes: [{ put: key, value: { ...since, lastFiredAt: createdAt, lastCommand: id } satisfies TriggerMark }],
          }),
        },
        async (command) => {
          asked(command.id)
          await this.#begin(command)
        },
      )
      if (outcome.taken) return true
      if ('lost' in outcome) continue
      const { error, waitMs } = outcome
      const writes = [{ put: key, value: { ...since, error: errorView(error) } satisfies TriggerMark }]
      const type = waitMs === undefined ? 'trigger.failed' : 'trigger.waiting'
      if (!this.#waits || waitMs === undefined) await tell(this.#parts, agent, type, { cause, error, writes })
      return !isTransient(error)
    }
  }
}

/** What was to be sent, as it was seen. */
function seenIn(errands: readonly Errand[]): Seen[] {
  return errands.flatMap(({ action, mode, paths }) =>
    paths.map((path) => ({
      path,
      ...(action === 'delete' && { gone: true }),
      ...(mode === 'mirror' && { whole: true }),
    })),
  )
}
