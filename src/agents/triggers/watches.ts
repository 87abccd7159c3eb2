import { errorView } from '../../errors.ts'
import { rootPath } from '../../resources/path.ts'
import type { Again } from '../../queues/work.ts'
import { entryKey, commandKey, type Command, type HistoryEntry } from '../commands/records.ts'
import type { WatchTrigger } from '../config/config.ts'
import type { ReplicationEvent } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { Collector } from './collector.ts'
import type { Begin } from './firing.ts'
import { idOf, markKey, type TriggerMark } from './records.ts'

/** How long a server that closes leaves a watch to the others. */
const handOverMs = 1000

interface Watch {
  readonly abort: AbortController
  /** What of the config it depends on. */
  readonly identity: string
}

/** The sources that this server watches: of each agent's source one server does, for as long as its task runs. */
export class Watches {
  readonly #parts: Parts
  readonly #begin: Begin
  readonly #running = new Map<string, Watch>()
  readonly #collectors = new Map<string, Collector>()
  #stopped = false

  constructor(parts: Parts, begin: Begin) {
    this.#parts = parts
    this.#begin = begin
  }

  /** Watches until the signal aborts, the config changes or the server stops. */
  async watch(name: string, signal: AbortSignal): Promise<Again | undefined> {
    if (this.#stopped) return { at: Date.now() + handOverMs }
    const agent = await this.#parts.roster.find(name)
    const trigger = agent && watchOf(agent)
    if (agent === undefined || trigger === undefined || agent.watcher === undefined) {
      this.#forget(name)
      return undefined
    }
    const collector = this.#collectorOf(name, trigger)
    const abort = new AbortController()
    this.#running.set(name, { abort, identity: identityOf(agent) })
    const { log } = this.#parts
    try {
      const until = AbortSignal.any([signal, abort.signal])
      const ready = (): void => {
        log.info({ agent: name }, 'source watched')
        this.#mark(agent, trigger, { watchingSince: new Date().toISOString() }).catch((err: unknown) =>
          log.warn({ agent: name, err }, 'a watch could not be noted'),
        )
        if (trigger.initial !== undefined) collector.note({ path: rootPath, whole: trigger.initial === 'mirror' })
      }
      await agent.watcher().watch((seen) => collector.note(seen), ready, until)
    } catch (error) {
      if (!abort.signal.aborted && !signal.aborted) await this.#mark(agent, trigger, { error: errorView(error) })
      throw error
    } finally {
      this.#running.delete(name)
    }
    return this.#stopped ? { at: Date.now() + handOverMs } : { at: 0 }
  }

  /** Begins anew what depends on a config that is another now. */
  async configChanged(name: string): Promise<void> {
    const running = this.#running.get(name)
    if (running === undefined && !this.#collectors.has(name)) return
    const agent = await this.#parts.roster.find(name)
    if (agent === undefined || watchOf(agent) === undefined) this.#forget(name)
    if (agent === undefined || identityOf(agent) !== running?.identity) running?.abort.abort()
  }

  isFor(agent: string): boolean {
    return this.#collectors.has(agent)
  }

  /** What vanished between the look and the export made its command fail: it is looked at again. */
  async hear({ type, agent, command: id, data }: ReplicationEvent): Promise<void> {
    const collector = this.#collectors.get(agent)
    if (collector === undefined || id === undefined) return
    if (type === 'package.ready' || type === 'command.finished') collector.ended(id)
    if (type !== 'command.finished' || (data as { status?: string }).status !== 'failed') return
    const [command, entry] = await this.#parts.store.getAll([commandKey(id), entryKey(id, agent)])
    const { cause, action, paths, mode } = (command?.value ?? {}) as Partial<Command>
    if (cause?.trigger !== 'watch' || action !== 'add' || paths === undefined) return
    if ((entry?.value as HistoryEntry | undefined)?.error?.code !== 'missing') return
    for (const path of paths) collector.note({ path, gone: true, whole: mode === 'mirror' })
  }

  /** Ends all watches, and sends what they have seen. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const { abort } of this.#running.values()) abort.abort()
    const collectors = [...this.#collectors.values()]
    this.#collectors.clear()
    await Promise.all(
      collectors.map(async (collector) => {
        await collector.flush()
        collector.close()
      }),
    )
  }

  /** For people: whether it is watched, and if not, why. */
  async #mark(agent: Agent, trigger: WatchTrigger, news: TriggerMark): Promise<void> {
    const key = markKey(agent.name, idOf(trigger))
    const before = await this.#parts.store.get<TriggerMark>(key)
    const { watchingSince: _, error: _error, ...fired } = before?.value ?? {}
    await this.#parts.store.commit({
      checks: [
        { key: agent.key, version: agent.version },
        { key, version: before?.version ?? null },
      ],
      writes: [{ put: key, value: { ...fired, ...news } satisfies TriggerMark }],
    })
  }

  #collectorOf(name: string, trigger: WatchTrigger): Collector {
    let collector = this.#collectors.get(name)
    if (collector === undefined) {
      collector = new Collector(this.#parts, name, this.#begin)
      this.#collectors.set(name, collector)
    }
    collector.trigger = trigger
    return collector
  }

  #forget(name: string): void {
    this.#collectors.get(name)?.close()
    this.#collectors.delete(name)
  }
}

function watchOf({ config }: Agent): WatchTrigger | undefined {
  const trigger = config.enabled ? config.triggers.find(({ kind }) => kind === 'watch') : undefined
  return trigger?.kind === 'watch' ? trigger : undefined
}

function identityOf(agent: Agent): string {
  return JSON.stringify([agent.config.source, watchOf(agent)])
}
