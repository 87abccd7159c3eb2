import { ThreadPool } from '../threads/pool.ts'
import type { PackageLimits } from './limits.ts'
import type { PackageSummary } from './manifest.ts'
import type { Verified, VerifyOrder } from './verify-thread.ts'

const threads = new ThreadPool(2)
const thread = new URL('./verify-thread.js', import.meta.url)

/** Reads and checks all of a package, in a thread. Throws what `openPackage` and its `batches` throw. */
export async function verifyPackage(file: string, limits: PackageLimits, signal: AbortSignal): Promise<PackageSummary> {
  return (await verifyWhole(file, limits, signal)).summary
}

export async function verifyWhole(file: string, limits: PackageLimits, signal: AbortSignal): Promise<Verified> {
  try {
    return await threads.run<VerifyOrder, Verified>(thread, { file, limits }, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw error
  }
}
