/** Applying a package to the one file, in a thread, whatever is in it. */
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { ReplicationError } from '../../errors.ts'
import { Breath } from '../directory/breath.ts'
import type { HeldFolders } from '../directory/held-folders.ts'
import { inLane } from '../directory/in-lane.ts'
import { makeRoot } from '../directory/root.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import type { Receipt } from '../endpoint.ts'
import { changed, what } from './open.ts'
import type { Whereabouts } from './whereabouts.ts'

/** So often somebody else may have written the file while it was read, before this gives up. */
const maxTries = 5

export interface Delivering {
  readonly pkg: PackageReader
  /** Holds the folder of the file. */
  readonly folders: HeldFolders
  readonly breath: Breath
}

/**
 * Takes the epoch, looks for the receipt, else has `change` write the file, and keeps its receipt. `change` is given what names
 * of its own begin with, and answers undefined when the file was changed by somebody else, and nothing was done.
 */
export async function deliver(
  order: DeliveryOrder & { readonly where: Whereabouts },
  signal: AbortSignal,
  change: (delivering: Delivering, staged: string) => Promise<Receipt | undefined>,
): Promise<Receipt> {
  const pkg = await openPackage(order.package)
  let folders: HeldFolders | undefined
  try {
    folders = makeRoot(order.where.folder)
    const breath = new Breath(signal)
    const delivering = { pkg, folders, breath }
    return await inLane(folders, order, { own: order.where.own, what, breath }, async (staging) => {
      for (let tries = 1; ; tries++) {
        const receipt = await change(delivering, `${staging}/${tries}`)
        if (receipt !== undefined) return receipt
        if (tries === maxTries) throw changed()
      }
    })
  } catch (error) {
    throw signal.aborted ? new ReplicationError('unavailable', 'stopped') : error
  } finally {
    folders?.close()
    await pkg.close()
  }
}
