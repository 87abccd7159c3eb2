import { ReplicationError } from '../../errors.ts'
import { openPackage } from '../../packages/read.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { ResourceState } from '../../resources/resource.ts'
import type { Receipt, Source, Target, TargetDelivery, TestStep } from '../endpoint.ts'
import { hasSurplus, regionsOf, surplusOf } from '../mirror.ts'
import { Batches } from './batch.ts'
import { writeAll } from './documents.ts'
import { laneAt, type Lane } from './lanes.ts'
import { manyHear } from './many-hear.ts'
import { isAt, type Seen } from './look.ts'
import { Plan, type Removal } from './plan.ts'
import { stepsOf } from './probe.ts'
import { Putter } from './put.ts'
import { goingOf, heldBy, pathsOf, removeAll, type Held } from './remove.ts'
import { Results } from './results.ts'
import { RestSource, statesOf } from './source.ts'
import type { Service } from './service.ts'

type Holdings = ReadonlyMap<ResourcePath, Held>

export class RestTarget implements Target {
  readonly holdings: Source
  readonly #service: Service
  readonly #putter: Putter
  readonly #batches: Batches

  constructor(service: Service) {
    this.#service = service
    this.holdings = new RestSource(service)
    this.#putter = new Putter(service)
    this.#batches = new Batches(service)
  }

  async apply(delivery: TargetDelivery, until: AbortSignal): Promise<Receipt> {
    until.throwIfAborted()
    const signal = manyHear(AbortSignal.any([until]))
    const lane = laneAt(this.#service.chosen.url, delivery.lane)
    lane.enter(delivery)
    const known = lane.receiptOf(delivery)
    if (known !== undefined) return known
    const pkg = await openPackage(delivery.package)
    const plan = new Plan()
    const results = new Results(delivery)
    const unfit = (path: ResourcePath, error: ReplicationError): void => results.fail(path, path, error)
    try {
      await plan.read(pkg, this.#service, {
        ...{ paths: delivery.paths, signal },
        unfit: delivery.onFailure === 'go-on' ? unfit : undefined,
      })
      const held = await this.#held(plan, hasSurplus(pkg.header), signal)
      const surplus = await surplusIn(held, plan, pkg.header, delivery)
      await this.#write(plan, surplus, { delivery, held, lane, results, signal })
      const receipt: Receipt = {
        ...{ delivery: delivery.id, package: pkg.id, entries: plan.entries, bytes: plan.bytes },
        appliedAt: new Date().toISOString(),
      }
      lane.remember(receipt)
      delivery.progress?.(plan.entries, plan.bytes)
      return receipt
    } finally {
      await plan.close()
      await pkg.close()
    }
  }

  test(signal: AbortSignal): AsyncIterable<TestStep> {
    return stepsOf(this.#service, signal)
  }

  list(path: ResourcePath, signal: AbortSignal): AsyncIterable<ResourceState> {
    return statesOf(this.#service, path, signal)
  }

  async close(): Promise<void> {
    await this.#service.client.close()
  }

  /** All that is there, where something may have to go; undefined where that need not be known. */
  async #held(
    { removals }: Plan,
    isMirror: boolean,
    signal: AbortSignal,
  ): Promise<{ all: Holdings; isMirror: boolean } | undefined> {
    if (!isMirror && removals.length === 0) return undefined
    try {
      return { all: await heldBy(this.#service, signal), isMirror }
    } catch (error) {
      // What a service does not list can still be deleted by name.
      const isNamed = removals.every(({ path }) => path.split('/').length === 3)
      const isUnlisted = error instanceof ReplicationError && ['invalid', 'missing', 'rejected'].includes(error.code)
      if (isMirror || !isNamed || !isUnlisted) throw error
      return { all: new Map(), isMirror }
    }
  }

  async #write(
    plan: Plan,
    surplus: readonly ResourcePath[],
    {
      delivery,
      held,
      lane,
      results,
      signal,
    }: {
      delivery: TargetDelivery
      held: { all: Holdings } | undefined
      lane: Lane
      results: Results
      signal: AbortSignal
    },
  ): Promise<void> {
    const service = this.#service
    const check = (): void => lane.check(delivery)
    let [entries, bytes] = [0, 0]
    const known = new Map<ResourcePath, Seen>()
    for (const planned of plan.documents) {
      const seen = held?.all.get(planned.path)
      if (seen !== undefined && isAt(planned, seen)) known.set(planned.path, seen)
    }
    await writeAll({
      ...{ service, plan, putter: this.#putter, batches: this.#batches, results, known, signal, check },
      passed: ({ content }) => delivery.progress?.(++entries, (bytes += content.length)),
    })
    const removals: Removal[] = [...plan.removals, ...surplus.map((path) => ({ path, deep: true }))]
    if (held !== undefined) await removeAll(service, goingOf(service, removals, held.all), { results, signal, check })
    results.end(plan.entries)
  }
}

async function surplusIn(
  held: { all: Holdings; isMirror: boolean } | undefined,
  { listed }: Plan,
  header: Parameters<typeof surplusOf>[2],
  { paths, deletes }: TargetDelivery,
): Promise<readonly ResourcePath[]> {
  if (held?.isMirror !== true) return []
  const regions = regionsOf(header, paths)
  const within = [...pathsOf(held.all)].filter((path) => regions.some((region) => isWithin(path, region)))
  return surplusOf(within, listed, header, deletes)
}
