import type { Registry } from 'prom-client'
import type { LaneId } from '../../queues/lanes.ts'
import { callMs, withPatience } from '../../state/patience.ts'
import type { Store } from '../../state/store.ts'
import { walkQueues, type Walk } from './queues.ts'
import { Counts, Durations, Gauges, type Family } from './series.ts'
import { LoopShare } from '../../threads/loop-share.ts'

/** From what waits for a disk to what takes half an hour. */
const phaseBounds = [0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300, 1800]
const requestBounds = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** So much text goes out at once. */
const chunkChars = 64 * 1024

/** How long one phase of a try took, and whether it came to its end. */
export interface PhaseSpent {
  readonly phase: 'transfer' | 'apply'
  readonly tookMs: number
  readonly ok: boolean
}

/** Whoever else has something to tell, at the moment of asking. Never throws. */
export interface Teller {
  families(): Promise<readonly Family[]>
}

/**
 * What this server has done since it started, and how all queues stand now; by agent, target and result alone. What an agent or a
 * target that is no more has left goes with it.
 */
export class Metrics {
  readonly #registry: Registry
  readonly #store: Store
  readonly #tellers: readonly Teller[]
  #walking: Promise<Walk> | undefined

  readonly #tries = new Counts(
    'trebuchet_deliveries_total',
    'Tries to deliver a package to a target, by how they ended (delivered, failed).',
  )
  readonly #entries = new Counts('trebuchet_delivered_entries_total', 'Resources that targets have applied.')
  readonly #bytes = new Counts('trebuchet_delivered_bytes_total', 'Bytes of content that targets have applied.')
  readonly #queued = new Durations(
    'trebuchet_queued_duration_seconds',
    'From the acceptance of an item until its first try began, its export included.',
    phaseBounds,
  )
  readonly #exports = new Durations(
    'trebuchet_export_duration_seconds',
    'How long it took to read a source and to write the package, by how that ended (ok, failed).',
    phaseBounds,
  )
  readonly #phases = {
    transfer: new Durations(
      'trebuchet_transfer_duration_seconds',
      'Of a try to deliver to another server: until the last byte of the package was sent (ok, failed).',
      phaseBounds,
    ),
    apply: new Durations(
      'trebuchet_apply_duration_seconds',
      'Of a try to deliver: until the target, which had the package, had applied it and said so (ok, failed).',
      phaseBounds,
    ),
  }
  readonly #hooks = new Counts(
    'trebuchet_hook_attempts_total',
    'Tries to call a hook, by how they ended (sent, failed: it is tried again, given-up).',
  )
  readonly #requests = new Durations(
    'trebuchet_http_request_duration_seconds',
    'From the arrival of a request to the end of its answer, by the class of its status (2xx); without event streams, answers that were asked to wait, health checks and scrapes.',
    requestBounds,
  )

  /** `registry` has what others measure. */
  constructor(registry: Registry, store: Store, tellers: readonly Teller[] = []) {
    this.#registry = registry
    this.#store = store
    this.#tellers = tellers
  }

  /** The first try of an item begins. */
  begun({ agent, queue }: LaneId, enqueuedAt: string): void {
    this.#queued.observe({ agent, target: queue }, Math.max(0, Date.now() - Date.parse(enqueuedAt)) / 1000)
  }

  /** A try has ended: with what was applied, or without; or it waits for a part to be made. */
  tried(
    { agent, queue }: LaneId,
    phases: readonly PhaseSpent[],
    applied?: { entries: number; bytes: number } | 'goes on',
  ): void {
    const labels = { agent, target: queue }
    if (applied !== 'goes on') this.#tries.add({ ...labels, result: applied === undefined ? 'failed' : 'delivered' })
    for (const { phase, tookMs, ok } of phases)
      this.#phases[phase].observe({ ...labels, result: ok ? 'ok' : 'failed' }, tookMs / 1000)
    if (applied === undefined || applied === 'goes on') return
    this.#entries.add(labels, applied.entries)
    this.#bytes.add(labels, applied.bytes)
  }

  exported(agent: string, result: 'ok' | 'failed', tookMs: number): void {
    this.#exports.observe({ agent, result }, tookMs / 1000)
  }

  hooked(agent: string, result: 'sent' | 'failed' | 'given-up'): void {
    this.#hooks.add({ agent, result })
  }

  answered(status: number, tookMs: number): void {
    this.#requests.observe({ result: `${Math.floor(status / 100)}xx` }, tookMs / 1000)
  }

  /** Of an agent that is no more. Whoever scrapes makes up for those that nobody told of. */
  forget(agent: string): void {
    for (const { series } of this.#own) series.forget(agent)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /**
   * Everything in the text format of Prometheus, in pieces, giving way to others in between. Whatever can fail has been asked when this
   * answers: a state that is away leaves only its own metrics out.
   */
  async exposition(): Promise<AsyncIterable<string>> {
    const [walk, processes, ...told] = await Promise.all([
      this.#walk().catch(() => undefined),
      this.#registry.metrics(),
      ...this.#tellers.map((teller) => teller.families()),
    ])
    if (walk !== undefined) this.#agree(walk)
    const state = new Gauges(
      'trebuchet_state_up',
      '1 when the state could be read for this answer; without it there is nothing of queues and targets in it.',
      [[{}, Number(walk !== undefined)]],
    )
    return written(processes, [state, ...(walk?.families ?? []), ...this.#own, ...told.flat()])
  }

  /** What is no more goes, and what has not happened yet has not: a count that began with 1 would be seen as no rise. */
  #agree({ standing, knownAt }: Walk): void {
    for (const { series } of this.#own) series.keepOnly(standing, knownAt)
    for (const [agent, targets] of standing)
      for (const target of targets)
        for (const result of ['delivered', 'failed']) this.#tries.add({ agent, target, result }, 0)
  }

  get #own(): readonly (Counts | Durations)[] {
    const { transfer, apply } = this.#phases
    return [
      ...[this.#tries, this.#entries, this.#bytes, this.#queued, this.#exports, transfer, apply],
      ...[this.#hooks, this.#requests],
    ]
  }

  /** One for all who ask at the same time; a state that does not answer is not waited for much longer than by a call. */
  #walk(): Promise<Walk> {
    return (this.#walking ??= withPatience(callMs, () => walkQueues(this.#store)).finally(
      () => (this.#walking = undefined),
    ))
  }
}

async function* written(before: string, families: readonly Family[]): AsyncGenerator<string, void, void> {
  const turns = new LoopShare()
  let text = before
  for (const family of families) {
    const { name, help, type } = family
    text += `\n# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
    for (const line of family.lines()) {
      text += `${line}\n`
      if (text.length < chunkChars) continue
      yield text
      text = ''
      await turns.giveWay()
    }
  }
  yield text
}
