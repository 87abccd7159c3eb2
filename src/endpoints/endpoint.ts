import type { Readable } from 'node:stream'
import type { TSchema } from 'typebox'
import type { ThreadReading } from '../packages/thread-reading.ts'
import type { Filter } from '../resources/glob.ts'
import type { Block } from '../resources/listing.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { Resource, ResourceState } from '../resources/resource.ts'
import type { Bounds, Lead } from './bounds/bounds.ts'
import type {
  DeleteGuard,
  ListedMirror,
  Mirroring,
  MirrorsInParts,
  Receipt,
  Survey,
  SurveyDelivery,
  TargetDelivery,
} from './delivery.ts'

export type * from './delivery.ts'

/**
 * A kind of endpoint: one file, its test, and its name in the list of kinds (kinds.ts). What a kind can do is what it
 * has: no `source` means that nothing can be read from it, no `list` on its targets that they cannot be compared.
 */
export interface EndpointKind<Options = unknown> {
  readonly name: string
  readonly title: string
  /** JSON Schema of the options beside `kind`; it admits no unknown property. */
  readonly options: TSchema
  /** Options that are secrets: write-only at the API. Each by its name, or the way to it: `auth/basic/password`. */
  readonly secrets?: readonly string[]
  /** Where the options lead, for what judges that before there is an endpoint. Absent: nowhere outside of the server. */
  readonly leads?: (options: Options) => readonly Lead[]
  /** Names of options that say who gets those; when one changes, they must be sent again. Absent: `url`. */
  readonly reach?: readonly string[]
  readonly source?: (options: Options, context: EndpointContext) => Source
  /** Instead of `source`: packages come from it ready made, in an order that is not ours. */
  readonly puller?: (options: Options, context: EndpointContext) => Puller
  readonly target?: (options: Options, context: EndpointContext) => Target
  /** Packages travel to its targets, `sends` being theirs too: how fast may be limited. */
  readonly sends?: true
  /** Beside `source`: it can be told what changes there. */
  readonly watch?: (options: Options, context: EndpointContext) => Watcher
  /**
   * Where the endpoint is, as segments from the outermost in (`['file', 'srv', 'content']`), links resolved as far as it
   * exists. Two endpoints overlap when one's place is a prefix of the other's. Throws `invalid` when the options name no
   * possible place.
   */
  readonly place: (options: Options) => Promise<readonly string[]>
  /**
   * A copy of the one document that the endpoint is, to be made at another place: relative to its own, or absolute. Kinds that are
   * no single document do not have it. Throws `invalid` for what can be no such place.
   */
  readonly copyTo?: (options: Options, place: string) => CopyPlan<Options>
}

export interface CopyPlan<Options = unknown> {
  /** Those of an endpoint at that place, which must be admitted before anything is made there. */
  readonly options: Options
  /** The place, whole. */
  readonly place: string
  /**
   * Makes it, as the document is, save its version. Throws `conflict` where something is there already, `missing` where there is
   * nothing to copy, `invalid` where a document of the kind has no version.
   */
  make(version: string | undefined, context: EndpointContext, signal: AbortSignal): Promise<Copied>
}

export interface Copied {
  /** SHA-256 of the copy. */
  readonly digest: string
  readonly bytes: number
}

/** What the server hands to every endpoint that it makes. */
export interface EndpointContext {
  /** This installation, as it names itself to others; stable over restarts. */
  readonly installation: string
  /** Absent: bound by nothing but the rights of the process. */
  readonly bounds?: Bounds | undefined
  /** Told of each request to a service, as it begins. */
  readonly asking?: (method: string, uri: string) => void
  /** A folder for what can be found out again, and is only quicker known. Nothing is kept when absent. */
  readonly cacheFolder?: string
}

/** Makes nothing happen until it is asked. One instance serves any number of calls, also at the same time. */
export interface Source {
  /**
   * The resource at `path` and, with `deep`, all below it, parents first, in path order (`comparePaths`). Reads lazily
   * and holds a bounded part of the tree in memory. Throws `missing` when there is nothing at the path, `invalid` for
   * what can never be read (it names the resources), `unavailable` when waiting may help; a listing that cannot be
   * completed always throws, it never ends early. Stops soon after `signal` aborts, and closes all that it opened when
   * the iteration is left.
   */
  read(path: ResourcePath, options: ReadOptions): AsyncIterable<Resource>
  /**
   * What `read` would give of each of these paths, one after the other, for the thread that writes it into packages to read by itself. The filters
   * are those that `includes` would be made of. Absent: everything goes through `read`.
   */
  inThread?(
    paths: readonly ResourcePath[],
    options: { readonly deep: boolean; readonly filters: readonly Filter[] },
  ): Promise<ThreadReading>
  /**
   * What `read` would give, folders included, without the contents; nothing when there is nothing. A source has it whose single
   * resources can be read at the cost of those alone.
   */
  list?(path: ResourcePath, signal: AbortSignal, options?: ListOptions): AsyncIterable<ResourceState>
  /**
   * Which of these listings (PackageSummary) a package of what `list` gives at the path would have, where it need not be listed to us to say so.
   * What is found may count for the `delivery` for whose sake it is asked (TargetDelivery.asked).
   */
  listedAs?(
    path: ResourcePath,
    listings: readonly string[],
    signal: AbortSignal,
    delivery?: string,
  ): Promise<string | undefined>
  /** What `list` gives, as bytes: where that is at hand without an object for each. */
  listBlocks?(path: ResourcePath, signal: AbortSignal, options?: BlockOptions): AsyncIterable<Block>
  /**
   * The resources with content at these paths, which come in path order, as `read` gives them; what is not there any more is left out. Beside
   * `listBlocks`, where few of many cost no more than those few.
   */
  pick?(paths: readonly ResourcePath[], signal: AbortSignal): AsyncIterable<Resource>
  close?(): Promise<void>
}

export interface ListOptions {
  /** All content is read, whatever is remembered of it. */
  readonly verify?: boolean
}

export interface BlockOptions extends ListOptions {
  /** What these keep out is not listed, and never opened; what lies below it still may be. */
  readonly filters?: readonly Filter[]
  /** As `ReadOptions.note`. */
  readonly note?: (note: string) => void
}

/** Sees what changes in a source, while somebody watches; it knows nothing of what was before. */
export interface Watcher {
  /**
   * Tells of what changes, until `signal` aborts. What changes after `ready` was called is told at least once, and never before
   * a reader would find it. A source that is not there yet is waited for; when it has come, or come back, its root is
   * told. Throws when it can no longer tell (`unavailable`), having told what it knew.
   */
  watch(hear: (seen: Seen) => void, ready: () => void, signal: AbortSignal): Promise<void>
  /**
   * What is at these paths now, in their order. Throws `unavailable` while the source as a whole is not there, or not watched
   * yet.
   */
  look(paths: readonly ResourcePath[], signal: AbortSignal): Promise<readonly Found[]>
}

/** Nothing that could be a resource, one with content, or one that holds others. */
export type Found = 'nothing' | 'content' | 'folder'

/** Something changed at the path. */
export interface Seen {
  readonly path: ResourcePath
  /** There was nothing there when it was looked at. */
  readonly gone?: boolean
  /** It came and went before anybody looked: only who was reading the folder meanwhile may have found it. */
  readonly passing?: boolean
  /**
   * A folder that was not there before, nor anything else: whatever is below it came with it. Of the root: it has come, or come back, and
   * who was reading meanwhile may have found what is not in it any more.
   */
  readonly fresh?: boolean
  /** Something may have gone from below it, and it is not known what. */
  readonly whole?: boolean
}

/** A queue elsewhere whose packages are fetched from here. */
export interface Puller {
  /**
   * The package at its head, leased to us, or undefined when there is none now. What is not acknowledged before the lease
   * ends comes again, first. Throws `unavailable`, `unauthenticated`, `forbidden`, `missing`.
   */
  next(signal: AbortSignal): Promise<Pulled | undefined>
}

export interface Pulled {
  /** Names it for as long as it is in that queue, also when it comes again. */
  readonly item: string
  /** The zip; to be read or destroyed. */
  readonly body: Readable
  /** Apply only what lies within these. Absent: all of it. */
  readonly paths?: readonly string[]
  /** To be said once it is durable here. Throws `conflict` when the lease has passed to somebody else. */
  acknowledge(signal: AbortSignal): Promise<void>
}

export interface ReadOptions {
  readonly deep: boolean
  /** Paths for which it answers false are not yielded, and never opened; what lies below them still may be. */
  readonly includes?: (path: ResourcePath) => boolean
  /** Told of everything that was passed over because no resource can stand for it (links, sockets), and why. */
  readonly note?: (note: string) => void
  readonly signal: AbortSignal
}

export interface Target {
  /**
   * So many of a lane's newest receipts it is sure to know: as many deliveries may be applied, in order, before the first is
   * known to be at whoever sent it. Absent: only the newest.
   */
  readonly remembers?: number
  /** The package travels before it is applied, and `sent` is told when it has. */
  readonly sends?: true
  /**
   * It takes packages that lack what it holds already, or passes them on to who does. Where it does not hold that, `apply` throws
   * `incomplete` and has changed nothing. Absent: packages must be whole.
   */
  readonly takesDeltas?: true
  /**
   * Applies the package, in order, and answers the target's own receipt. Applying a delivery twice leaves what applying
   * it once leaves, and a repeat after the receipt is durable does nothing but answer it. When `apply` has thrown, each
   * single resource is as it was or as it shall be, never in between. Content is verified against the manifest before
   * the first resource changes (`corrupt`). An older epoch of the same lane than one seen before is refused
   * (`conflict`). Throws ReplicationErrors: transient ones are tried again, by whoever called.
   */
  apply(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt>
  /**
   * The receipt of a mirror of all its roots that would change nothing, as `apply` would give it, and as durable. Undefined when there is something to
   * change: then it has changed nothing, and the mirror is to be applied. Absent: only by applying it is that found out.
   */
  confirm?(delivery: TargetDelivery, mirror: ListedMirror, signal: AbortSignal): Promise<Receipt | undefined>
  /**
   * Looks once at all that a mirror is about, before it or its first part is applied, and keeps what it finds for `apply` and `finish`, which look again
   * only where something is to be done. Changes nothing. Throws `conflict` when more would be removed than the guard admits. Undefined when the delivery
   * was applied before. Absent: `apply` finds all that out by itself.
   */
  survey?(mirror: SurveyDelivery, signal: AbortSignal): Promise<Survey | undefined>
  /** It takes mirrors in several parts. Absent: a mirror has to come as one package, however large. */
  readonly mirrors?: MirrorsInParts
  /**
   * Throws `conflict` when a mirror would remove more than the guard admits, where that need not be found by listing all to us. Changes
   * nothing. Absent: that is counted by `list`, if it has that.
   */
  guard?(mirror: Mirroring, deletes: DeleteGuard, signal: AbortSignal): Promise<void>
  /** Whether the target can be reached and written, changing nothing, step by step; it stops at the first that fails. */
  test(signal: AbortSignal): AsyncIterable<TestStep>
  /**
   * What the target holds at `path` and below it, in path order, folders included; nothing when there is nothing. With
   * it a target can be compared, mirrored and delta-fed.
   */
  list?(path: ResourcePath, signal: AbortSignal, options?: ListOptions): AsyncIterable<ResourceState>
  /** What it holds, as a source would give it: so that contents can be compared, and kept before they are replaced. */
  readonly holdings?: Source
  close?(): Promise<void>
}

export interface TestStep {
  readonly step: string
  readonly ok: boolean
  readonly detail?: string
  readonly durationMs: number
}
