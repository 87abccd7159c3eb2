/** What this process remembers of the lanes that feed a service, for that keeps no receipts: their epochs, and the newest receipts. */
import { ReplicationError } from '../../errors.ts'
import type { Receipt, TargetDelivery } from '../endpoint.ts'

const keptReceipts = 100

export class Lane {
  #epoch = 0
  readonly #receipts = new Map<string, Receipt>()

  /** Throws `conflict` for an older epoch than one seen before. */
  enter({ epoch }: TargetDelivery): void {
    if (epoch < this.#epoch) throw overtaken()
    this.#epoch = epoch
  }

  check({ epoch }: TargetDelivery): void {
    if (epoch !== this.#epoch) throw overtaken()
  }

  receiptOf({ id }: TargetDelivery): Receipt | undefined {
    return this.#receipts.get(id)
  }

  remember(receipt: Receipt): void {
    this.#receipts.set(receipt.delivery, receipt)
    for (const [oldest] of this.#receipts) {
      if (this.#receipts.size <= keptReceipts) return
      this.#receipts.delete(oldest)
    }
  }
}

const lanes = new Map<string, Lane>()

export function laneAt(url: string, id: string): Lane {
  const key = `${url} ${id}`
  let lane = lanes.get(key)
  if (lane === undefined) lanes.set(key, (lane = new Lane()))
  return lane
}

function overtaken(): ReplicationError {
  return new ReplicationError('conflict', 'a newer worker has taken over this lane; this one leaves the target to it')
}
