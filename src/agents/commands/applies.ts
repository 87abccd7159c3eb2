/** What of a comparison a command applies. */
export interface Applies {
  readonly comparison: string
  readonly writes: number
  /** How many of those take something away. */
  readonly deletes: number
  /** Why more are deleted than the guard admits. */
  readonly overrideGuard?: string
  /** The command that it undoes. */
  readonly reverts?: string
}

export interface Approval {
  readonly state: 'needed' | 'given'
  readonly by?: string
  readonly at?: string
  readonly reason?: string
}
