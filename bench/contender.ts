/** Whatever copies a tree: a tool that is installed here, or two servers of ours. */
export interface Contender {
  readonly name: string
  /** Copies what `<from>/content` holds to `<to>/content`; `to` is an empty folder. Throws unless all was copied. */
  copy(from: string, to: string): Promise<Sample>
  close(): Promise<void>
}

/** What one run took. */
export interface Sample {
  readonly wallMs: number
  /** User and system time of every process that took part. */
  readonly cpuMs: number
  /** Of ours only: one for each server. */
  readonly servers?: readonly ServerSample[]
}

export interface ServerSample {
  readonly role: string
  readonly cpuMs: number
  readonly peakAnonymousBytes: number
  readonly longestDelayMs: number
}
