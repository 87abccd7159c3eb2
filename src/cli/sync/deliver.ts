import { randomUUID } from 'node:crypto'
import { mkdir, realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { forgetLane } from '../../endpoints/directory/forget.ts'
import type { DeleteGuard, Receipt } from '../../endpoints/endpoint.ts'
import { Ending, exitCodes } from '../ending.ts'
import { Progress } from '../progress.ts'
import { tell } from '../say.ts'
import type { Named } from './named.ts'
import type { Ready } from './plan.ts'
import { Rate } from './rate.ts'
import { Results } from './results.ts'
import { stagedFor } from './staged.ts'

/** All runs are one lane: of two at the same place at a time the one that began later goes on. */
const lane = 'sync'

/**
 * Writes the destination, once everything is read. Answers the exit code; throws an Ending that says what was done where not
 * all of it was.
 */
export async function deliver(ready: Ready, signal: AbortSignal): Promise<number> {
  const { destination, options, pkg } = ready
  tell(`Writing resources to: ${destination.label}`)
  const results = new Results(options)
  const staged = await stagedFor(destination, options)
  let receipt: Receipt
  try {
    if (destination.path !== undefined) await mkdir(dirname(destination.path), { recursive: true })
    const epoch = Date.now()
    try {
      receipt = await applyTo(staged.destination, ready, epoch, results, signal)
    } finally {
      await forget(staged.destination, epoch)
    }
    await staged.take()
  } catch (error) {
    await staged.leave()
    results.end(pkg.entries)
    throw failure(error, destination, results, staged.isWhole, signal)
  }
  results.end(pkg.entries)
  results.sum(receipt)
  return 0
}

async function applyTo(
  { target: open, medium }: Named,
  { file, pkg, options }: Ready,
  epoch: number,
  results: Results,
  signal: AbortSignal,
): Promise<Receipt> {
  const target = open()
  const progress = new Progress(process.stderr)
  const rate = new Rate('written')
  try {
    return await target.apply(
      {
        ...{ id: `${lane}/${randomUUID()}`, lane, epoch, package: file },
        deletes: guardOf(options.rm && medium !== 'rest' ? undefined : options.deletes),
        onFailure: options.continueOnError ? 'go-on' : 'stop',
        progress: (entries) => progress.show(() => rate.line(entries, pkg.entries)),
        result: (result) => {
          results.add(result)
          progress.show(() => rate.line(results.total, pkg.entries))
        },
      },
      signal,
    )
  } finally {
    progress.end()
    await target.close?.()
  }
}

function guardOf(guard: DeleteGuard | undefined): DeleteGuard {
  return guard ?? { maxPercent: 100, maxCount: Number.MAX_SAFE_INTEGER }
}

/** What happened to the destination as a whole decides the code, and is what is said last. */
function failure(error: unknown, { label }: Named, results: Results, isWhole: boolean, signal: AbortSignal): Ending {
  const why = signal.aborted ? 'interrupted' : (error as Error).message
  const done = isWhole ? 0 : results.done
  const said =
    done > 0
      ? `; ${results.text}; the rest is as it was`
      : isWhole
        ? '; nothing has changed'
        : results.total > 0
          ? '; nothing was written'
          : ''
  return new Ending(done > 0 ? exitCodes.partly : exitCodes.failed, `${label}: ${why}${said}`, { cause: error })
}

/** Nothing of ours stays among what people keep in their version control. */
async function forget({ medium, path }: Named, epoch: number): Promise<void> {
  if (path === undefined) return
  const real = await realpath(path).catch(() => path)
  const own = medium === 'directory' ? join(real, '.trebuchet') : join(dirname(real), `.trebuchet-${basename(real)}`)
  await forgetLane(own, lane, epoch)
}
