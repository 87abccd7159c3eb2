import { ThreadPool } from '../../threads/pool.ts'
import { deliveryOrder } from '../delivery-order.ts'
import { plainPath, type PathBounds } from '../bounds/paths.ts'
import type { ListedMirror, MirrorDelivery, Receipt, Target, TargetDelivery, TestStep } from '../endpoint.ts'
import type { ApplyOrder, Progress } from './apply-thread.ts'
import type { ConfirmOrder } from './confirm-thread.ts'
import type { MirrorOrder } from './mirror-thread.ts'
import { regionsOf } from '../mirror.ts'
import { failedStep } from '../step.ts'
import { batchesOf, maxApplying, maxThreads } from './job.ts'
import { listDirectory, type Listed } from './list.ts'
import type { ProbeOrder } from './probe-thread.ts'
import { kept } from './receipts.ts'
import { directorySource } from './source.ts'
import { partOf, surveyedBy, surveyOf } from './surveys.ts'
import { guard } from './touched.ts'
import { walks } from './walks.ts'

const appliers = new ThreadPool(maxApplying, maxThreads)
const probers = new ThreadPool(maxThreads)
const applyThread = new URL('./apply-thread.js', import.meta.url)
const confirmThread = new URL('./confirm-thread.js', import.meta.url)
const mirrorThread = new URL('./mirror-thread.js', import.meta.url)
const probeThread = new URL('./probe-thread.js', import.meta.url)

/** `root` is the absolute path of a folder, which is made when the first delivery comes. */
export function directoryTarget(root: string, cacheFolder?: string, paths?: PathBounds): Target {
  const listed: Listed = { root, cacheFolder, paths }
  return {
    remembers: kept,
    takesDeltas: true,
    apply: (delivery, signal) => apply(listed, delivery, signal),
    confirm: (delivery, mirror, signal) => confirm(listed, delivery, mirror, signal),
    mirrors: {
      finish: (mirror, signal) => finish(listed, mirror, signal),
    },
    survey: (mirror, signal) => surveyOf(listed, mirror, signal),
    guard: (mirror, deletes, signal) => guard(listed, mirror, deletes, signal),
    list: (path, signal, options) => listDirectory(listed, path, signal, options),
    holdings: directorySource(root, cacheFolder, paths),
    test: (signal) => probe(listed, signal),
  }
}

async function apply(
  { root, cacheFolder, paths }: Listed,
  delivery: TargetDelivery,
  signal: AbortSignal,
): Promise<Receipt> {
  const { progress } = delivery
  const order: ApplyOrder = {
    ...{ root: await plainPath(root, paths), cacheFolder, ...deliveryOrder(delivery) },
    surveyed: partOf(surveyedBy(delivery.survey), delivery.package.id),
  }
  signal.throwIfAborted()
  return walks.during(order.root, async () => {
    const job = appliers.start<ApplyOrder, Receipt>(applyThread, order, signal)
    job.port.on('message', ({ entries, bytes }: Progress) => progress?.(entries, bytes))
    return job.result.catch(orAborted(signal))
  })
}

async function confirm(
  { root, cacheFolder, paths }: Listed,
  delivery: TargetDelivery,
  { roots, filters = [], listing }: ListedMirror,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const place = await plainPath(root, paths)
  const regions = regionsOf({ roots }, undefined)
  const order: ConfirmOrder = {
    ...{ root: place, cacheFolder, ...deliveryOrder(delivery) },
    ...{ regions, filters, listing },
    // What filters keep out was in what was found.
    walked: filters.length > 0 ? undefined : walks.find(delivery.asked, place, regions),
  }
  signal.throwIfAborted()
  return appliers.run<ConfirmOrder, Receipt | undefined>(confirmThread, order, signal).catch(orAborted(signal))
}

async function finish({ root, paths }: Listed, mirror: MirrorDelivery, signal: AbortSignal): Promise<Receipt> {
  const order: MirrorOrder = {
    ...{ root: await plainPath(root, paths), ...deliveryOrder(mirror) },
    surveyed: surveyedBy(mirror.survey),
  }
  signal.throwIfAborted()
  return walks.during(order.root, () =>
    appliers.run<MirrorOrder, Receipt>(mirrorThread, order, signal).catch(orAborted(signal)),
  )
}

/** Whoever gave it up is told so, whatever came of that in the thread. */
function orAborted(signal: AbortSignal): (error: unknown) => never {
  return (error) => {
    signal.throwIfAborted()
    throw error
  }
}

async function* probe({ root, paths }: Listed, signal: AbortSignal): AsyncGenerator<TestStep> {
  let order: ProbeOrder
  try {
    order = { root: await plainPath(root, paths) }
  } catch (error) {
    yield failedStep('folder', error)
    return
  }
  signal.throwIfAborted()
  const job = probers.start<ProbeOrder, void>(probeThread, order, signal)
  yield* batchesOf<TestStep>(job, signal)
}
