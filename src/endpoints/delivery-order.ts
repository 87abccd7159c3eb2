import type { PackageFile } from '../packages/manifest.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { DeleteGuard, TargetDelivery } from './endpoint.ts'

/** What a thread needs of a delivery: what can be sent to one. */
export interface DeliveryOrder {
  readonly delivery: string
  readonly lane: string
  readonly epoch: number
  readonly package: PackageFile
  readonly paths: readonly ResourcePath[] | undefined
  readonly deletes: DeleteGuard
  readonly verify: boolean
}

export function deliveryOrder(delivery: TargetDelivery): DeliveryOrder {
  const { id, lane, epoch, package: pkg, paths, deletes, verify = false } = delivery
  return { delivery: id, lane, epoch, package: forThread(pkg), paths, deletes, verify }
}

/** A zip is read from its file: its bytes would be copied. */
export function forThread(pkg: PackageFile): PackageFile {
  return pkg.loose === undefined ? { id: pkg.id, file: pkg.file } : pkg
}

/** The same, of a target that applies documents one by one. */
export interface DocumentsOrder extends DeliveryOrder {
  readonly onFailure: TargetDelivery['onFailure']
  /** Somebody wants to know what became of each. */
  readonly tells: boolean
}

export function documentsOrder(delivery: TargetDelivery): DocumentsOrder {
  return {
    ...deliveryOrder(delivery),
    ...{ onFailure: delivery.onFailure, tells: delivery.result !== undefined },
  }
}
