import { ReplicationError } from '../errors.ts'
import { comparePaths, quote, type ResourcePath } from '../resources/path.ts'
import type { LargeContent } from './content.ts'
import type { Carried, ManifestEntry, ManifestHeader, ManifestPart, PackageId, PackageOrigin } from './manifest.ts'
import type { FileEntry } from './walk.ts'

/** An entry of the manifest, with its bytes. */
export type PackageChange =
  /**
   * Up to 1 MiB comes whole and verified. What is larger is a stream that fails with `corrupt` when its digest or size is
   * another; whoever does not read it to its end has not verified it. It may be read later, until the package is closed.
   */
  | { readonly kind: 'put'; readonly entry: FileEntry; readonly content: Buffer | LargeContent }
  | { readonly kind: 'folder'; readonly entry: Extract<ManifestEntry, { type: 'folder' }> }
  | { readonly kind: 'delete'; readonly entry: Extract<ManifestEntry, { type: 'delete' }> }

/** The same of a delta, which lacks what its targets are said to hold. */
export type DeltaChange = PackageChange | { readonly kind: 'held'; readonly entry: FileEntry }

/** For a target that does not hold what a delta says that it does. */
export function lacking({ path }: FileEntry): ReplicationError {
  return new ReplicationError(
    'incomplete',
    `the package lacks the content of ${quote(path)}, and the target does not hold it either; send all of it`,
    { final: true },
  )
}

export interface ReadOptions {
  /** Only what lies within these; all else is still checked, except for its content. */
  readonly paths?: readonly ResourcePath[]
  /** Asked of each of those, in order, before it is read: what it passes over does not come either. */
  readonly passes?: (entry: ManifestEntry) => boolean
  readonly signal?: AbortSignal
}

/** What there is in a package that has been read whole. */
export interface Verification {
  /** Of the contents that are listed; of an index, of its parts. */
  readonly bytes: number
  /** See PackageSummary. */
  readonly listing?: string
  /** Of a delta. */
  readonly carries?: Carried
}

/** An open package, whatever its form. Any number of readings may go on at the same time. */
export interface PackageReader {
  readonly id: PackageId
  readonly header: ManifestHeader
  /** It may list what it does not carry. */
  readonly delta: boolean
  readonly origin: PackageOrigin | undefined
  /** Of an index, in the order in which they are applied; empty for a package that is applied itself. */
  readonly parts: readonly ManifestPart[]
  /** How many the manifest lists; of an index, all parts together. */
  readonly entryCount: number
  readonly zipBytes: number
  /** One by one what `batches` gives. */
  changes(options?: ReadOptions): AsyncGenerator<PackageChange, void, void>
  /**
   * The changes in the manifest's order, up to 256 or some 1 MiB at a time. The package as a whole is verified when this
   * has ended without an error, and no sooner: nothing may be applied for good before. Throws `invalid` for an index, `incomplete`
   * where a delta lacks a content.
   */
  batches(options?: ReadOptions): AsyncGenerator<PackageChange[], void, void>
  /** The same for whoever holds what a delta lacks, and sees to it that he does. */
  deltaBatches(options?: ReadOptions): AsyncGenerator<DeltaChange[], void, void>
  /** Reads all of it, only to check it. Throws what `deltaBatches` and its contents do. */
  verify(signal?: AbortSignal): Promise<Verification>
  /** One page of the manifest: the entries behind the path `after`. Throws `invalid` for an index. */
  entries(page: { readonly after?: ResourcePath; readonly limit: number }): Promise<ManifestEntry[]>
  /** The manifest alone, a batch at a time, in order; its lines are checked, the content is not looked at. */
  manifest(): AsyncGenerator<ManifestEntry[], void, void>
  /** Its lines behind the first, some at a time, as they are. */
  manifestBytes(): AsyncGenerator<Buffer, void, void>
  close(): Promise<void>
}

export async function pageOf(
  manifest: AsyncIterable<readonly ManifestEntry[]>,
  { after, limit }: { readonly after?: ResourcePath; readonly limit: number },
): Promise<ManifestEntry[]> {
  const page: ManifestEntry[] = []
  for await (const entries of manifest)
    for (const entry of entries) {
      if (after !== undefined && comparePaths(entry.path, after) <= 0) continue
      if (page.length >= limit) return page
      page.push(entry)
    }
  return page
}
