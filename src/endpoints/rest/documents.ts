/** Writing the documents of a plan: by levels, so that what others depend on is there before them, and at the same time within one. */
import { levelsOf } from '../../documents/levels.ts'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Batches } from './batch.ts'
import { allInStep } from './in-step.ts'
import { grouped, look, type Seen } from './look.ts'
import type { Plan, Planned } from './plan.ts'
import type { Due, Putter, Written } from './put.ts'
import type { Results } from './results.ts'
import type { Service } from './service.ts'

interface Writing {
  readonly service: Service
  readonly plan: Plan
  readonly putter: Putter
  readonly batches: Batches
  readonly results: Results
  /** What a listing has shown already. */
  readonly known: ReadonlyMap<ResourcePath, Seen>
  readonly signal: AbortSignal
  /** Throws when this delivery is not ours any more. */
  readonly check: () => void
  /** Told of each that is done with. */
  readonly passed: (planned: Planned) => void
}

interface Unsure {
  readonly planned: Planned
  readonly outcome: Written['outcome']
}

const notBegun = 'not begun, because of what failed before'

export async function writeAll(writing: Writing): Promise<void> {
  const { plan, service, results, signal } = writing
  const { levels, cycles, stuck } = levelsOf(plan.documents)
  for (const cycle of cycles) failCycle(cycle, results)
  const wanted = results.isStopped ? [] : plan.documents.filter(({ path }) => !writing.known.has(path))
  const known = new Map([...writing.known, ...(await look(service, wanted, signal))])
  for (const level of levels) await writeLevel({ ...writing, known }, level)
  for (const { path, key } of stuck) results.skip(path, key, 'it depends on one of a cycle')
}

function failCycle(cycle: readonly Planned[], results: Results): void {
  const names = [...cycle, ...cycle.slice(0, 1)].map(({ path }) => path).join(' after ')
  for (const { path, key } of cycle)
    results.fail(
      path,
      key,
      new ReplicationError('invalid', `these wait for each other, so that none can be the first: ${names}`),
    )
}

async function writeLevel(writing: Writing, level: readonly Planned[]): Promise<void> {
  const { service, batches, signal } = writing
  const { batchSize, concurrency, listing } = service.chosen
  const unsure: Unsure[] = []
  if (batchSize === 1 || listing === 'webdav')
    await allInStep(level, concurrency, (one) => writeOne(writing, one, unsure))
  else
    for (const members of grouped(level, ({ collection }) => collection).values()) {
      const collection = members[0]?.collection ?? ''
      const taken = members.length > 1 && !writing.results.isStopped && (await batches.areTaken(collection, signal))
      if (taken) await allInStep(slices(members, batchSize), concurrency, (batch) => writeBatch(writing, batch, unsure))
      else await allInStep(members, concurrency, (one) => writeOne(writing, one, unsure))
    }
  await confirmAll(writing, unsure)
}

/** Whether it is not to be written at all. */
function isPassedOver({ results, check, passed }: Writing, planned: Planned): boolean {
  const { path, key, after } = planned
  const missing = results.missingOf(after)
  if (!results.isStopped && missing === undefined) {
    check()
    return false
  }
  results.skip(
    path,
    key,
    missing === undefined || results.isStopped ? notBegun : `${missing}, which it depends on, is not there`,
  )
  passed(planned)
  return true
}

async function dueOf(writing: Writing, planned: Planned): Promise<Due | undefined> {
  const { known, putter, results, signal, passed } = writing
  const due = await putter.due(planned, known.get(planned.path), signal)
  if (due !== undefined) return due
  results.done(planned.path, 'unchanged')
  passed(planned)
  return undefined
}

async function writeOne(writing: Writing, planned: Planned, unsure: Unsure[]): Promise<void> {
  if (isPassedOver(writing, planned)) return
  await answering(writing, planned, async () => {
    const due = await dueOf(writing, planned)
    if (due !== undefined) await putOne(writing, due, await writing.plan.textOf(planned), unsure)
  })
}

async function putOne(
  { putter, results, signal, passed }: Writing,
  due: Due,
  text: string,
  unsure: Unsure[],
): Promise<void> {
  const { outcome, isSure } = await putter.put(due, text, signal)
  if (!isSure) {
    unsure.push({ planned: due.planned, outcome })
    return
  }
  results.done(due.planned.path, outcome)
  passed(due.planned)
}

interface Loaded {
  readonly due: Due
  readonly planned: Planned
  readonly text: string
}

async function writeBatch(writing: Writing, batch: readonly Planned[], unsure: Unsure[]): Promise<void> {
  const loaded: Loaded[] = []
  await allInStep(batch, writing.service.chosen.concurrency, async (planned) => {
    if (isPassedOver(writing, planned)) return
    await answering(writing, planned, async () => {
      const due = await dueOf(writing, planned)
      if (due !== undefined) loaded.push({ due, planned, text: await writing.plan.textOf(planned) })
    })
  })
  await sendBatch(writing, loaded, unsure)
}

/** One that is refused is halved until the culprit is alone, and hears of it by itself. */
async function sendBatch(writing: Writing, batch: readonly Loaded[], unsure: Unsure[]): Promise<void> {
  const { batches, results, signal, passed, check } = writing
  const [only] = batch
  if (only === undefined) return
  if (results.isStopped) {
    for (const { planned } of batch) isPassedOver(writing, planned)
    return
  }
  check()
  if (batch.length === 1) return answering(writing, only.planned, () => putOne(writing, only.due, only.text, unsure))
  let came: Awaited<ReturnType<Batches['send']>>
  try {
    came = await batches.send(batch, signal)
  } catch (error) {
    signal.throwIfAborted()
    for (const { planned } of batch) {
      results.fail(planned.path, planned.key, error)
      passed(planned)
    }
    return
  }
  if (came === 'written')
    for (const { due } of batch)
      unsure.push({ planned: due.planned, outcome: due.current === undefined ? 'created' : 'updated' })
  else if (came === 'not-taken') for (const one of batch) await sendBatch(writing, [one], unsure)
  else {
    const half = Math.ceil(batch.length / 2)
    await sendBatch(writing, batch.slice(0, half), unsure)
    await sendBatch(writing, batch.slice(half), unsure)
  }
}

async function confirmAll(writing: Writing, unsure: readonly Unsure[]): Promise<void> {
  const { service, plan, putter, results, signal, passed } = writing
  const planned = unsure.map((one) => one.planned)
  const seen = await look(service, planned, signal)
  await allInStep(unsure, service.chosen.concurrency, (one) =>
    answering(writing, one.planned, async () => {
      const { path } = one.planned
      await putter.confirm(one.planned, seen.get(path), () => plan.textOf(one.planned), signal)
      results.done(path, one.outcome)
      passed(one.planned)
    }),
  )
}

/** What goes wrong with it is its own result; what goes wrong with the delivery is not. */
async function answering(
  { results, signal, passed }: Writing,
  planned: Planned,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
  } catch (error) {
    signal.throwIfAborted()
    results.fail(planned.path, planned.key, error)
    passed(planned)
  }
}

function* slices<T>(items: readonly T[], size: number): Generator<readonly T[], void, void> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size)
}
