import type { ResourcePath } from '../resources/path.ts'

declare const brand: unique symbol

/** `sha256-` and the hex digest of the manifest's bytes. */
export type PackageId = string & { readonly [brand]: 'PackageId' }

const pattern = /^sha256-[0-9a-f]{64}$/

export function isPackageId(text: string): text is PackageId {
  return pattern.test(text)
}

/** What the whole package is: the first line of the manifest. */
export interface ManifestHeader {
  readonly format: 1
  readonly action: 'add' | 'delete'
  /** `mirror`: what the target holds within the roots and the manifest does not list is removed. */
  readonly mode: 'update' | 'mirror'
  /** Paths of the command, in path order, none within another. Every entry lies within one of them. */
  readonly roots: readonly ResourcePath[]
}

/** One change, without its bytes: a further line of the manifest each, in path order. */
export type ManifestEntry =
  | { readonly type: 'file'; readonly path: ResourcePath; readonly digest: string; readonly size: number }
  | { readonly type: 'folder'; readonly path: ResourcePath }
  | { readonly type: 'delete'; readonly path: ResourcePath; readonly deep: boolean }

/** A package on this server's disk, written once and never modified. */
export interface PackageFile {
  readonly id: PackageId
  /** Absolute path of the zip. */
  readonly file: string
}

/** What is known of a package without opening it. */
export interface PackageSummary extends ManifestHeader {
  readonly id: PackageId
  readonly entries: number
  /** Bytes of content, unpacked. */
  readonly bytes: number
  /** Bytes of the zip. */
  readonly zipBytes: number
}
