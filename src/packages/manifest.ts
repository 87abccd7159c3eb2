import type { ResourcePath } from '../resources/path.ts'
import type { PackageLimits } from './limits.ts'

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
  /** Paths of the command, in path order, each once. Every entry lies within one of them. */
  readonly roots: readonly ResourcePath[]
  /**
   * Only in a mirror: what the agent's filters kept out of the package, and what is thus not to be removed either. The
   * first that matches decides; what none matches is included. Absent: nothing was kept out.
   */
  readonly filters?: readonly ManifestFilter[]
}

/** A glob over whole paths: `*` and `?` stay within a segment, `x/**` is x and everything below it. */
export type ManifestFilter = { readonly include: string } | { readonly exclude: string }

/** One change, without its bytes: a further line of the manifest each, in path order. */
export type ManifestEntry =
  /** `digest` is the SHA-256 of the content as 64 lower-case hex digits, `size` its bytes. */
  | { readonly type: 'file'; readonly path: ResourcePath; readonly digest: string; readonly size: number }
  | { readonly type: 'folder'; readonly path: ResourcePath }
  | { readonly type: 'delete'; readonly path: ResourcePath; readonly deep: boolean }

/**
 * A line of an index: the manifest of a tree that is too large for one package, whose parts are packages of their own, in
 * the order in which they are applied. The index itself is never applied.
 */
export interface ManifestPart {
  readonly type: 'part'
  readonly package: PackageId
  /** Of its manifest. */
  readonly entries: number
  /** Of its content, unpacked. */
  readonly bytes: number
}

/** Who vouches for a package (signatures.ts). */
export interface Signature {
  /** The id of whose key it says it is. */
  readonly key: string
  /** 64 bytes in base64. */
  readonly signature: string
}

/** Who made the package, when and for what: beside the manifest, outside its digest. */
export interface PackageOrigin {
  readonly installation: string
  readonly agent: string
  readonly command: string
  readonly actor?: string
  /** RFC 3339, UTC. */
  readonly createdAt: string
  /** Of the package's id; none when absent. */
  readonly signatures?: readonly Signature[]
}

/** A package on this server's disk, written once and never modified. */
export interface PackageFile {
  readonly id: PackageId
  /** Absolute path of the zip. */
  readonly file: string
  /** All of it, where it is small and at hand. */
  readonly bytes?: Uint8Array
  /** It is no zip, but what one end of this process has laid down for the other (loose.ts). */
  readonly loose?: Loose
  /** Of a delta. */
  readonly carries?: Carried
  /** Under which it was taken; the usual ones when absent. */
  readonly limits?: PackageLimits
}

/** What is not in a loose package itself. */
export interface Loose {
  readonly header: ManifestHeader
  readonly entries: number
}

/** What is known of a package without opening it. */
export interface PackageSummary extends ManifestHeader {
  readonly id: PackageId
  /** Only of an index: its parts, in the order in which they are applied. Then `entries` and `bytes` are sums over them. */
  readonly parts?: readonly PackageId[]
  readonly entries: number
  /** Bytes of content, unpacked. */
  readonly bytes: number
  /** Bytes of the zip. */
  readonly zipBytes: number
  /** SHA-256 of all lines of its manifest but the first: of what it lists, whatever is to be done with that. Absent of an index, and where older versions wrote it. */
  readonly listing?: string
  /** Only of a delta: how much of the content is in it. */
  readonly carries?: Carried
}

/** How much of what its manifest lists a delta has the content of; it may be all. */
export interface Carried {
  readonly files: number
  /** Of these, unpacked. */
  readonly bytes: number
  /** All that are listed. */
  readonly ofFiles: number
}

export function carriesAll({ carries }: Pick<PackageSummary, 'carries'>): boolean {
  return carries === undefined || carries.files === carries.ofFiles
}
