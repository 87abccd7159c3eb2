import { isIPv6 } from 'node:net'
import { places, placing } from './places.ts'

const windowMs = 1000

/**
 * Counts what went wrong, for each address and second. Nobody can guess a token; this keeps whoever tries from
 * costing much.
 */
export class Tries {
  readonly #most: number
  readonly #placeOf = placing()
  readonly #counts = new Uint16Array(places)
  readonly #windows = new Float64Array(places)

  /** So many in each second. */
  constructor(most: number) {
    this.#most = most
  }

  areTooMany(address: string, now = Date.now()): boolean {
    const at = this.#placeOf(networkOf(address))
    return this.#windows[at] === Math.floor(now / windowMs) && (this.#counts[at] ?? 0) >= this.#most
  }

  add(address: string, now = Date.now()): void {
    const at = this.#placeOf(networkOf(address))
    const window = Math.floor(now / windowMs)
    const count = this.#windows[at] === window ? (this.#counts[at] ?? 0) : 0
    this.#windows[at] = window
    this.#counts[at] = Math.min(count + 1, 0xffff)
  }
}

/** Whom an address counts for: of IPv6 the first half, for the second is its owner's to choose. */
export function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address
  const [head = '', tail] = address.split('::')
  const first = head === '' ? [] : head.split(':')
  const last = tail === undefined || tail === '' ? [] : tail.split(':')
  const filled =
    tail === undefined ? first : [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last]
  return filled.slice(0, 4).join(':')
}
