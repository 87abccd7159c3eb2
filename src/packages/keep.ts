import { utimesSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { isTransient, ReplicationError } from '../errors.ts'
import { carriesAtLeast, unionOf } from './carried.ts'
import type { PackageLimits } from './limits.ts'
import { carriesAll, type PackageId, type PackageOrigin, type PackageSummary, type Signature } from './manifest.ts'
import type { PackageDescription, Places } from './places.ts'
import type { RecentPackages } from './recent.ts'
import { rewriteOrigin } from './rewrite-origin.ts'
import { joined, type Seals } from './signatures.ts'
import { gone, guarded } from './storage-error.ts'
import { syncFolder } from './sync-folder.ts'
import { Turns } from './turns.ts'
import { verifyWhole } from './verify.ts'
import type { Verified } from './verify-thread.ts'
import { writePackage } from './write.ts'
import { spoolFiles } from './write-thread.ts'

interface Room {
  readonly places: Places
  readonly limits: PackageLimits
  readonly seals: Seals
  readonly recent: RecentPackages
}

/**
 * One file for an id, of which there is ever more: a whole package stays as it is, a delta gives way to one that carries more. What takes
 * its place is renamed over it; whoever reads it still has it.
 *
 * Of a new package the description comes first, so that whoever finds the package finds both; of one that takes the place of another it comes
 * behind: what is cut off in between is described as less than it is, or with another size, and is then described again.
 */
export class Keeping {
  readonly #places: Places
  readonly #limits: PackageLimits
  readonly #seals: Seals
  readonly #recent: RecentPackages
  /** By id. Another server on the same folder does not wait for them: the last wins, and who then lacks something says so. */
  readonly #turns = new Turns()

  constructor({ places, limits, seals, recent }: Room) {
    this.#places = places
    this.#limits = limits
    this.#seals = seals
    this.#recent = recent
  }

  /** Keeps the file, or what of it is not there yet, and answers what is there in the end. That counts as written now. */
  async keep(file: string, verified: Verified, signal: AbortSignal): Promise<PackageSummary> {
    const { summary, origin } = verified
    const { id } = summary
    return this.#alone(id, async () => {
      const there = this.#touch(id) ? await this.#sound(id) : undefined
      if (there === undefined) {
        await this.#add(file, verified)
        return summary
      }
      const zip = this.#places.zip(id)
      if (carriesAll(there) || (!carriesAll(summary) && (await carriesAtLeast(zip, file)))) {
        await this.#seal(there, origin?.signatures ?? [])
        return summaryOf(there)
      }
      if (carriesAll(summary) || (await carriesAtLeast(file, zip))) return this.#replace(file, verified, there)
      return this.#unite(file, verified, there, signal)
    })
  }

  /** Without looking at the content, unless the description is not that of the file. Throws `missing`. */
  async describe(id: PackageId): Promise<PackageDescription> {
    return guarded('reading a package', async () => {
      const { isRight, description } = await this.#read(id)
      return isRight && description !== undefined ? description : this.#alone(id, () => this.#describeAgain(id))
    })
  }

  /** Adds signatures that are not there yet. A package without an origin says nothing of who made it, and gets none. Throws `missing`. */
  async sign(id: PackageId, signatures: readonly Signature[]): Promise<void> {
    await this.#alone(id, async () => this.#seal(await this.#describeAgain(id), signatures))
  }

  async #alone<T>(id: PackageId, work: () => Promise<T>): Promise<T> {
    return guarded('storing a package', () => this.#turns.take(id, work))
  }

  /** Whether it is there; no sweep takes it for abandoned then. */
  #touch(id: PackageId): boolean {
    try {
      const now = new Date()
      utimesSync(this.#places.zip(id), now, now)
      return true
    } catch (error) {
      gone(error)
      return false
    }
  }

  async #add(file: string, { summary, origin }: Verified): Promise<void> {
    const { id } = summary
    const folder = this.#places.shelf(id)
    if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(this.#places.folder)
    await this.#places.writeSidecar({ ...summary, ...(origin !== undefined && { origin }) })
    await rename(file, this.#places.zip(id))
    this.#recent.drop(id)
    await syncFolder(folder)
  }

  /** With the signatures of both. What does not say who made it is taken to be made by whom the other was. */
  async #replace(file: string, verified: Verified, there: PackageDescription): Promise<PackageSummary> {
    const { summary } = verified
    const origin = verified.origin ?? there.origin
    const signatures = joined(
      summary.id,
      origin?.signatures ?? [],
      [...(there.origin?.signatures ?? []), ...(verified.origin?.signatures ?? [])],
      this.#seals,
    )
    const sealed = origin && { ...origin, ...(signatures.length > 0 && { signatures }) }
    if (isDeepStrictEqual(sealed, verified.origin)) return this.#place(file, { summary, origin: sealed })
    return this.#rewritten(file, { summary, origin: sealed as PackageOrigin })
  }

  async #seal(there: PackageDescription, signatures: readonly Signature[]): Promise<void> {
    const { origin, ...summary } = there
    if (origin === undefined) return
    const has = origin.signatures ?? []
    const all = joined(there.id, has, signatures, this.#seals)
    if (all.every((one) => has.some(({ signature }) => signature === one.signature))) return
    await this.#rewritten(this.#places.zip(there.id), { summary, origin: { ...origin, signatures: all } })
  }

  /** The origin stands in the zip, which is written again with another one. */
  async #rewritten(
    from: string,
    { summary, origin }: Verified & { readonly origin: PackageOrigin },
  ): Promise<PackageSummary> {
    const file = this.#places.temporary()
    try {
      await rewriteOrigin(from, file, origin, this.#limits)
      const { size } = await stat(file)
      return await this.#place(file, { summary: { ...summary, zipBytes: size }, origin })
    } finally {
      await rm(file, { force: true })
    }
  }

  async #place(file: string, { summary, origin }: Verified): Promise<PackageSummary> {
    const { id } = summary
    await rename(file, this.#places.zip(id))
    this.#recent.drop(id)
    await this.#places.writeSidecar({ ...summary, ...(origin !== undefined && { origin }) })
    await syncFolder(this.#places.shelf(id))
    return summary
  }

  /** Neither carries all that the other does: what takes their place carries both. */
  async #unite(
    file: string,
    { summary, origin }: Verified,
    there: PackageDescription,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    const { format, action, mode, roots, filters } = summary
    const header = { format, action, mode, roots, ...(filters !== undefined && { filters }) }
    const united = this.#places.temporary()
    const union = await unionOf([file, this.#places.zip(summary.id)], this.#limits)
    try {
      const made = await writePackage(header, union.changes, {
        ...{ file: united, origin, limits: this.#limits, delta: true, signal },
      })
      return await this.#replace(united, { summary: made, origin }, there)
    } finally {
      await union.close()
      await Promise.all([united, ...spoolFiles(united)].map((left) => rm(left, { force: true })))
    }
  }

  /** Whether the description is that of the file. Throws `missing` when there is no such file. */
  async #read(id: PackageId): Promise<{ isRight: boolean; description: PackageDescription | undefined }> {
    const found = await stat(this.#places.zip(id)).catch(gone)
    if (found === undefined) throw missing(id)
    const text = await readFile(this.#places.sidecar(id), 'utf8').catch(gone)
    const description = text === undefined ? undefined : descriptionIn(text)
    return { isRight: description?.zipBytes === found.size, description }
  }

  /** Where the file is not what was described, or put here by hand: what it is. */
  async #describeAgain(id: PackageId): Promise<PackageDescription> {
    const { isRight, description } = await this.#read(id)
    if (isRight && description !== undefined) return description
    try {
      const { summary, origin } = await verifyWhole(this.#places.zip(id), this.#limits, new AbortController().signal)
      const again = { ...summary, ...(origin !== undefined && { origin }) }
      await this.#places.writeSidecar(again)
      return again
    } catch (error) {
      // What is damaged is described as it was: whoever opens it hears of it.
      if (description === undefined || isTransient(error)) throw error
      return description
    }
  }

  /** What is there, unless it is damaged. */
  async #sound(id: PackageId): Promise<PackageDescription | undefined> {
    try {
      const description = await this.#describeAgain(id)
      return (await this.#read(id)).isRight ? description : undefined
    } catch (error) {
      if (isTransient(error)) throw error
      return undefined
    }
  }
}

export function missing(id: PackageId): ReplicationError {
  return new ReplicationError('missing', `there is no package ${id} in the store`)
}

/** Undefined for what a crash has left of one. */
function descriptionIn(text: string): PackageDescription | undefined {
  try {
    return JSON.parse(text) as PackageDescription
  } catch {
    return undefined
  }
}

function summaryOf({ origin: _, ...summary }: PackageDescription): PackageSummary {
  return summary
}
