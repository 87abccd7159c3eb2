import type { DeleteGuard, Mirroring, Touched } from '../delivery.ts'
import { plainPath } from '../bounds/paths.ts'
import type { GuardOrder } from './guard-thread.ts'
import { batchesOf } from './job.ts'
import { listers, type Listed } from './list.ts'
import type { PickBatch } from './read-thread.ts'
import { streamOf } from './stable-file.ts'
import type { TouchedOrder } from './touched-thread.ts'

const guardThread = new URL('./guard-thread.js', import.meta.url)
const thread = new URL('./touched-thread.js', import.meta.url)

/** What a survey has found that its mirror changes, with what is there now. */
export async function* touchedBy(
  { root: place, paths: bounds }: Listed,
  { lane, name }: Pick<TouchedOrder, 'lane' | 'name'>,
  signal: AbortSignal,
): AsyncGenerator<readonly Touched[]> {
  const root = await plainPath(place, bounds)
  signal.throwIfAborted()
  const job = listers.start<TouchedOrder, void>(thread, { root, lane, name }, signal)
  for await (const batch of batchesOf<PickBatch>(job, signal)) yield [...foundIn(batch, root, signal)]
}

/** See Target.guard. */
export async function guard(
  { root: place, paths: bounds }: Listed,
  { header, parts, paths }: Mirroring,
  deletes: DeleteGuard,
  signal: AbortSignal,
): Promise<void> {
  const root = await plainPath(place, bounds)
  signal.throwIfAborted()
  const order: GuardOrder = { root, header, paths, deletes, parts: parts.map(({ bytes: _, ...file }) => file) }
  await listers.run<GuardOrder, void>(guardThread, order, signal)
}

/** What was found at each of the batch's paths; large contents are opened when they are asked for. */
export function* foundIn(
  { entries, bytes, identity }: PickBatch,
  root: string,
  signal: AbortSignal,
): Generator<Touched, void, void> {
  let at = 0
  for (const { path, content } of entries) {
    if (content === 'absent') yield { path }
    else if (content === 'none') yield { path, was: { path } }
    else if (content === 'large') yield { path, was: { path, content: () => streamOf(root, identity, path, signal) } }
    else {
      const own = bytes.subarray(at, (at += content))
      yield { path, was: { path, content: () => own } }
    }
  }
}
