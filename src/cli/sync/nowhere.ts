import { randomUUID } from 'node:crypto'
import type { Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import { openPackage } from '../../packages/read.ts'
import type { Named } from './named.ts'

/** `null`: has nothing, and whatever is written to it is gone. */
export function nowhere(argument: string): Named {
  return {
    ...{ argument, label: 'NullEndpoint()', medium: 'null' },
    source: () => ({ read: nothing }),
    target: () => ({ apply, test: nothing, list: nothing }),
    place: async () => ['null', randomUUID()],
  }
}

/** As a source, and as a listing. */
export async function* nothing(): AsyncGenerator<never, void, void> {
  // There is nothing.
}

/** Reads all of it, as any target does. */
async function apply(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(delivery.package)
  try {
    const { bytes } = await pkg.verify(signal)
    delivery.progress?.(pkg.entryCount, bytes)
    return {
      ...{ delivery: delivery.id, package: pkg.id, entries: pkg.entryCount, bytes },
      appliedAt: new Date().toISOString(),
    }
  } finally {
    await pkg.close()
  }
}
