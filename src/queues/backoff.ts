export interface Backoff {
  /** The delay after the first failure. */
  readonly initialMs: number
  /** No delay is longer. */
  readonly maxMs: number
  /** How much longer each delay is than the one before. At least 1. */
  readonly factor: number
  /** Between 0 and 1: the delay is anything between this fraction less and this fraction more. */
  readonly jitter: number
}

/**
 * How long to wait after failure number `attempts` (1: the first), in whole ms. Jitter keeps those who failed together from
 * trying together; so that it still does at the longest delay, what grows stops that fraction below `maxMs`.
 */
export function backoffMs(
  attempts: number,
  { initialMs, maxMs, factor, jitter }: Backoff,
  random = Math.random,
): number {
  // Beyond that the power is infinite, which times 0 would be no number.
  const power = Math.min(factor ** (Math.max(attempts, 1) - 1), Number.MAX_VALUE)
  const middleMs = Math.min(initialMs * power, maxMs / (1 + jitter))
  return Math.min(Math.round(middleMs * (1 + jitter * (2 * random() - 1))), Math.floor(maxMs))
}
