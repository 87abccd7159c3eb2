import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { headerLine, partLine } from './manifest-lines.ts'
import type { ManifestHeader, ManifestPart, PackageId, PackageSummary } from './manifest.ts'

/** Some 1,000,000,000 entries, and an index that still fits in memory. */
const maxParts = 100_000

/** The parts of one index, checked as they come, written or read. */
export class PartList {
  readonly parts: ManifestPart[] = []
  entries = 0
  bytes = 0
  readonly #ids = new Set<PackageId>()

  /** Throws `invalid`, `too-large`. */
  add(part: ManifestPart): void {
    if (this.#ids.has(part.package)) throw refused(`it lists the part ${part.package} twice`)
    if (this.parts.length >= maxParts)
      throw new ReplicationError('too-large', `package manifest: it lists more than ${maxParts} parts, the limit here`)
    this.#ids.add(part.package)
    this.parts.push(part)
    this.entries += part.entries
    this.bytes += part.bytes
    if (!Number.isSafeInteger(this.entries) || !Number.isSafeInteger(this.bytes))
      throw refused('its parts have more entries or bytes than can be counted')
  }

  get summary(): Required<Pick<PackageSummary, 'entries' | 'bytes' | 'parts'>> {
    return { entries: this.entries, bytes: this.bytes, parts: this.parts.map(({ package: id }) => id) }
  }
}

/** Of an index that is still to be written. */
export function idOfIndex(header: ManifestHeader, parts: readonly ManifestPart[]): PackageId {
  const digest = createHash('sha256').update(`${headerLine(header)}\n`)
  for (const part of parts) digest.update(`${partLine(part)}\n`)
  return `sha256-${digest.digest('hex')}` as PackageId
}

function refused(why: string): ReplicationError {
  return new ReplicationError('invalid', `package manifest: ${why}`)
}
