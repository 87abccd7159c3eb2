import type { Span } from './profiles.ts'

/** Whatever copies a tree: a tool that is installed here, or two servers of ours. */
export interface Contender {
  readonly name: string
  /** Makes `<target>/content` of each target the same as `<from>/content`. Throws unless all was copied. */
  copy(work: Work): Promise<Sample>
  /** The first copy to kept targets, which is not measured, where `copy` would take too long for it. */
  prime?(work: Work): Promise<void>
  close(): Promise<void>
}

export interface Work {
  readonly from: string
  readonly targets: readonly string[]
  /**
   * `new`: the targets are empty folders that nobody was asked for before, and never will be again. `kept`: they are as the
   * call before left them (empty at the first one), and what only they hold is to be deleted.
   */
  readonly state: 'new' | 'kept'
}

/** What one run took. */
export interface Sample {
  readonly wallMs: number
  /** When that was, in µs of `process.hrtime`; of ours only. */
  readonly span?: Span
  /** User and system time of every process that took part. */
  readonly cpuMs: number
  /** Between both sides, in both directions; only where a proxy counts them. */
  readonly wireBytes?: number
  /** Of ours only: one for each server. */
  readonly servers?: readonly ServerSample[]
}

export interface ServerSample {
  readonly role: string
  readonly cpuMs: number
  readonly peakAnonymousBytes: number
  readonly longestDelayMs: number
  /** All that the process read, be it a file or a connection. */
  readonly readBytes: number
}
