import type { ErrorView } from '../errors.ts'
import type { ManifestHeader, PackageFile } from '../packages/manifest.ts'
import type { Filter } from '../resources/glob.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { Resource } from '../resources/resource.ts'

/** One package on its way to one target. */
export interface TargetDelivery {
  /** Names command, agent and target (`01J9…/publish1/default`): the same content may come again in another delivery. */
  readonly id: string
  /** Names installation, agent and queue: deliveries of one lane come in order. */
  readonly lane: string
  /** Rises with each worker that takes over the lane. */
  readonly epoch: number
  readonly package: PackageFile
  /** Apply only what lies within these. Absent: all of it. */
  readonly paths?: readonly ResourcePath[]
  /** All that the target holds is read, whatever is remembered of it. */
  readonly verify?: boolean
  /** The delivery of another server that this one carries out: what was found when that server asked for its sake may count for it. */
  readonly asked?: string
  /** Of the mirror that the package is, or is a part of, where the target has made one. */
  readonly survey?: Survey | undefined
  /** The most that a mirror may remove; beyond it `apply` throws `conflict` and has changed nothing. */
  readonly deletes: DeleteGuard
  /** Told now and then how far it is; with `sending` it is the package that is sent so far, of so many bytes. */
  readonly progress?: (entries: number, bytes: number, sending?: { readonly of: number }) => void
  /** It was tried before: some of it may have been sent. */
  readonly again?: true
  /** How fast it may be sent, asked by targets that send it. Absent: as fast as it goes. */
  readonly pace?: Pace
  /** Told when all of the package has been sent to where it is applied, by targets that send it. */
  readonly sent?: () => void
  /** Told what became of each resource as soon as that is known, by targets that learn it one by one. */
  readonly result?: (result: ResourceResult) => void
  /**
   * After a resource has failed nothing more is begun (`stop`, which is the default), or all that does not depend on it is
   * (`go-on`). Either way `apply` throws in the end.
   */
  readonly onFailure?: 'stop' | 'go-on'
  /** W3C trace context, where there is one. */
  readonly traceparent?: string
}

/** How fast something may be sent. */
export interface Pace {
  /** Whether there is a limit at present. */
  readonly isLimited: boolean
  /**
   * Waits until more may be sent, and answers how many bytes: at least 1, at most what is wanted. What was answered is taken for sent.
   * Rejects when `signal` aborts.
   */
  take(wanted: number, signal: AbortSignal): Promise<number>
}

/**
 * A mirror of a large tree: its parts are packages that say `update`, each delivered by itself, in their order; what none of them lists
 * goes behind the last.
 */
export interface MirrorsInParts {
  /** Whether it takes them at present; so many servers `further` on may be asked. Absent: it does. */
  readonly taken?: (further: number, signal: AbortSignal) => Promise<boolean>
  /**
   * Brings a part to where all of them are applied once `finish` is called. Nothing changes by it, so that it may be done while others are
   * still made, and as often as one likes. Absent: each part is applied by `apply`, once all are there and the target's survey has admitted them.
   */
  readonly bring?: (part: TargetDelivery, signal: AbortSignal) => Promise<void>
  /**
   * Behind the last part: removes what the survey has found that no part lists; or, where parts are brought, does all of that. For the rest it is as
   * `apply`, with the id of the index in its receipt.
   */
  finish(mirror: MirrorDelivery, signal: AbortSignal): Promise<Receipt>
}

/** `package` is the index. */
export interface MirrorDelivery extends TargetDelivery {
  readonly parts: readonly PackageFile[]
}

/** A mirror that is to be applied, whole. */
export interface SurveyDelivery extends TargetDelivery, Mirroring {
  readonly paths?: readonly ResourcePath[]
  /** What these keep out of the target is told as absent. */
  readonly filters: readonly Filter[]
}

/** What a mirror will do to a target, found before it changes anything: good for one try. */
export interface Survey {
  /** For the target that has made it, and nobody else. */
  readonly found: unknown
  /** What the mirror will change, in path order, some at a time, with what is there now. */
  touched(signal: AbortSignal): AsyncIterable<readonly Touched[]>
}

/** A mirror as one package, and the digest of what it lists (PackageSummary). */
export interface ListedMirror extends ManifestHeader {
  readonly listing: string
}

/** A mirror, for whoever says what it would change. */
export interface Mirroring {
  readonly header: ManifestHeader
  /** What lists all of it: the package itself, or its parts. */
  readonly parts: readonly PackageFile[]
  /** Only what lies within these. Absent: all of it. */
  readonly paths?: readonly ResourcePath[] | undefined
}

/** What a mirror will change. */
export interface Touched {
  readonly path: ResourcePath
  /** What is there before; absent when nothing is. */
  readonly was?: Resource
}

/** What became of one resource of a delivery. */
export interface ResourceResult {
  readonly path: ResourcePath
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'deleted' | 'failed' | 'skipped'
  /** Why it failed, or was skipped. */
  readonly error?: ErrorView
}

export interface DeleteGuard {
  /** Of what the target holds within the package's roots. */
  readonly maxPercent: number
  readonly maxCount: number
}

/** The target's word that it has applied a delivery. Durable on its side before it is answered. */
export interface Receipt {
  /** The delivery's id. */
  readonly delivery: string
  /** The id of the package whose manifest was applied: what the target read, or has proved to hold, not what it was told. */
  readonly package: string
  /** Entries of the manifest that were applied. */
  readonly entries: number
  /** Bytes of content that were applied. */
  readonly bytes: number
  /** RFC 3339, UTC, by the target's clock. */
  readonly appliedAt: string
  /** Whatever else the target says: the far command's id, for example. */
  readonly detail?: Readonly<Record<string, string | number>>
}
