import type { MessagePort } from 'node:worker_threads'
import type { PackageLimits } from './limits.ts'
import type { PackageOrigin, PackageSummary } from './manifest.ts'
import { openPackage } from './read.ts'

export interface VerifyOrder {
  readonly file: string
  readonly limits: PackageLimits
}

export interface Verified {
  readonly summary: PackageSummary
  readonly origin: PackageOrigin | undefined
}

export async function run({ file, limits }: VerifyOrder, _port: MessagePort, signal: AbortSignal): Promise<Verified> {
  const pkg = await openPackage(file, limits)
  try {
    const verified = await pkg.verify(signal)
    const { id, header, origin, entryCount: entries, zipBytes } = pkg
    const parts = pkg.parts.map((part) => part.package)
    return { summary: { ...header, id, ...(parts.length > 0 && { parts }), entries, ...verified, zipBytes }, origin }
  } finally {
    await pkg.close()
  }
}
