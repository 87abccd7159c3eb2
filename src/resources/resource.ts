import type { Readable } from 'node:stream'
import type { ResourcePath } from './path.ts'

/** What an endpoint holds at a path. */
export interface Resource {
  readonly path: ResourcePath
  /** Absent for a folder: a resource that only holds others. */
  readonly content?: Content
}

/**
 * The bytes of a resource, as a thunk: nothing is opened before it is called, and it may be called again. What is small
 * comes whole, what is large as a stream; a stream that breaks off fails with a ReplicationError, transient if the
 * resource changed or vanished while it was read.
 */
export type Content = () => Uint8Array | Readable

/** The one stream that everything speaks. Changes come in path order (`comparePaths`), one for each path. */
export type Change =
  | { readonly kind: 'put'; readonly resource: Resource }
  /** Its content stays where it is: whoever takes the changes is said to hold it already, and must see for himself. */
  | { readonly kind: 'held'; readonly path: ResourcePath; readonly digest: string; readonly size: number }
  /** `deep` removes all below the path too; without it a folder that holds others stays. */
  | { readonly kind: 'delete'; readonly path: ResourcePath; readonly deep: boolean }

/** A resource as listings and manifests know it: what it is, without its bytes. */
export interface ResourceState {
  readonly path: ResourcePath
  /** Absent for a folder. */
  readonly digest?: string
  /** Bytes; absent for a folder. */
  readonly size?: number
}
