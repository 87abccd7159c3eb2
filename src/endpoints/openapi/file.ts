/** An OpenAPI document in a file. */
import { ReplicationError } from '../../errors.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { maxThreads } from '../directory/job.ts'
import { kept } from '../directory/receipts.ts'
import { documentsOrder } from '../delivery-order.ts'
import { toldOf } from '../documents/told.ts'
import type { PathBounds } from '../bounds/paths.ts'
import type { Receipt, Target, TargetDelivery } from '../endpoint.ts'
import { testFile } from '../file/target.ts'
import { whereabouts } from '../file/whereabouts.ts'
import type { OpenapiApplyOrder } from './apply-thread.ts'
import { ownedBy, type FileOptions } from './options.ts'
import { list, read, type Home } from './source.ts'
import { formatNamed } from './text.ts'

const appliers = new ThreadPool(maxThreads)
const thread = new URL('./apply-thread.js', import.meta.url)

export function fileHome({ path, format = formatNamed(path), ...rest }: FileOptions, paths?: PathBounds): Home {
  const owned = ownedBy(rest)
  return {
    find: async () => ({ from: { file: (await whereabouts(path, paths)).file }, format, owned }),
    refuse: () => {
      throw new ReplicationError('missing', 'the OpenAPI document does not exist; create it, or correct its path')
    },
  }
}

export function fileTarget(options: FileOptions, paths?: PathBounds): Target {
  const home = fileHome(options, paths)
  return {
    remembers: kept,
    apply: (delivery, signal) => apply(options, paths, delivery, signal),
    list: (path, signal) => list(home, path, signal),
    holdings: { read: (path, reading) => read(home, path, reading) },
    test: (signal) => testFile(options.path, paths, signal),
  }
}

async function apply(
  { path, format = formatNamed(path), ...rest }: FileOptions,
  paths: PathBounds | undefined,
  delivery: TargetDelivery,
  signal: AbortSignal,
): Promise<Receipt> {
  const order = { where: await whereabouts(path, paths), format, owned: ownedBy(rest), ...documentsOrder(delivery) }
  signal.throwIfAborted()
  return toldOf(appliers.start<OpenapiApplyOrder, Receipt>(thread, order, signal), delivery, signal)
}
