/** How much of a package is taken on trust: nothing beyond these. Each is refused with `too-large`. */
export interface PackageLimits {
  /** Lines of the manifest below its first. */
  readonly maxEntries: number
  /** Content of all entries together, unpacked. */
  readonly maxBytes: number
  /** The zip: how much of an upload is written to the disk. */
  readonly maxZipBytes: number
  /** The manifest, unpacked. */
  readonly maxManifestBytes: number
  /**
   * How many times larger content may be than it is packed: each entry of more than 1 MiB, and all together. What we
   * write stays near 100 at most (compression.ts), whatever the content; deflate alone goes up to 1,032.
   */
  readonly maxRatio: number
  /** One segment of a path, in UTF-8, before it is escaped. */
  readonly maxNameBytes: number
  /** Segments of a path. */
  readonly maxDepth: number
}

export const defaultLimits: PackageLimits = {
  maxEntries: 1_000_000,
  maxBytes: 2 ** 38,
  maxZipBytes: 2 ** 38,
  maxManifestBytes: 2 ** 30,
  maxRatio: 200,
  maxNameBytes: 1024,
  maxDepth: 256,
}
