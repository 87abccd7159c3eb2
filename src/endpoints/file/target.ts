import { accessSync, closeSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { ReplicationError } from '../../errors.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { codeOf, writeFault } from '../directory/faults.ts'
import { openPlainFile } from '../directory/plain-path.ts'
import { spaceAt } from '../directory/space.ts'
import { maxThreads } from '../directory/job.ts'
import { kept } from '../directory/receipts.ts'
import { documentsOrder } from '../delivery-order.ts'
import { toldOf } from '../documents/told.ts'
import type { PathBounds } from '../bounds/paths.ts'
import type { Receipt, Target, TargetDelivery, TestStep } from '../endpoint.ts'
import { failedStep, stepOf } from '../step.ts'
import type { FileApplyOrder } from './apply-thread.ts'
import type { FileOptions } from './options.ts'
import { fileSource, listFile, type Bounded } from './source.ts'
import { formatNamed, whereabouts, type Whereabouts } from './whereabouts.ts'

const appliers = new ThreadPool(maxThreads)
const thread = new URL('./apply-thread.js', import.meta.url)

export function fileTarget(options: FileOptions, paths?: PathBounds): Target {
  const bounded: Bounded = { options, paths }
  return {
    remembers: kept,
    apply: (delivery, signal) => apply(bounded, delivery, signal),
    list: (path, signal) => listFile(bounded, path, signal),
    holdings: fileSource(options, paths),
    test: (signal) => testFile(options.path, paths, signal),
  }
}

async function apply({ options, paths }: Bounded, delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt> {
  const { path, format, schema } = options
  const order: FileApplyOrder = {
    ...{ where: await whereabouts(path, paths), format: format ?? formatNamed(path), schema },
    ...documentsOrder(delivery),
  }
  signal.throwIfAborted()
  const job = appliers.start<FileApplyOrder, Receipt>(thread, order, signal)
  return toldOf(job, delivery, signal)
}

/** Whether the file can be read and written. */
export async function* testFile(
  path: string,
  paths: PathBounds | undefined,
  signal: AbortSignal,
): AsyncGenerator<TestStep> {
  signal.throwIfAborted()
  let where: Whereabouts
  try {
    where = await whereabouts(path, paths)
  } catch (error) {
    yield failedStep('file', error)
    return
  }
  const { file, folder } = where
  const read = stepOf('file', () => lookAt(file), unforeseen)
  yield read
  if (!read.ok) return
  const write = stepOf('write', () => lookAbove(folder), unforeseen)
  yield write
  if (write.ok) yield stepOf('space', () => spaceAt(folder), unforeseen)
}

function unforeseen(error: unknown): string {
  return `it failed (${codeOf(error)})`
}

function lookAt(file: string): string | undefined {
  const stats = statSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return 'it does not exist yet; the first delivery makes it'
  if (!stats.isFile())
    throw new ReplicationError('invalid', 'the path is that of a folder, or of something that is no file')
  closeSync(openPlainFile(file, constants.O_RDONLY | constants.O_NONBLOCK))
  return undefined
}

/** The folder that is written to, or the one in which it would be made. */
function lookAbove(folder: string): undefined {
  for (let above = folder; ; above = dirname(above))
    try {
      accessSync(above, constants.W_OK | constants.X_OK)
      return undefined
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || above === dirname(above)) throw writeFault(error, "the file's folder")
    }
}
