/** Where endpoints may reach on the network: the setting ALLOWED_HOSTS. */
import type { LookupAddress } from 'node:dns'
import { lookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { ReplicationError } from '../../errors.ts'
import { AddressRanges, isAddress, isLoopbackAddress, isNever, isPublic, isRange } from './addresses.ts'

const anyPublic = 'public'

interface Listed {
  readonly ranges: AddressRanges
  readonly hasRanges: boolean
  readonly isPublicToo: boolean
  readonly names: ReadonlySet<string>
  /** `.example.com`. */
  readonly suffixes: readonly string[]
}

/**
 * Judges names, and each address that a connection would be made to: what a name means is asked once for each connection, and the answer
 * that was judged is the one that is used, so that it does not matter what the name means a moment later.
 */
export class HostBounds {
  readonly #listed: Listed | undefined
  readonly #hasCredentials: () => Promise<boolean>
  readonly #ask: (name: string) => Promise<LookupAddress[]>

  /**
   * `allowed`: names, `*.example.com`, ranges and addresses with commas between them, and `public`. Undefined: any public address, and
   * loopback while there are no credentials. `ask` says what a name means. Throws `invalid`.
   */
  constructor(
    allowed: string | undefined,
    hasCredentials: () => Promise<boolean>,
    ask = (name: string): Promise<LookupAddress[]> => lookup(name, { all: true }),
  ) {
    this.#listed = allowed === undefined ? undefined : listedIn(allowed)
    this.#hasCredentials = hasCredentials
    this.#ask = ask
  }

  /** Throws `forbidden` for a host that can be refused without asking what its name means. */
  async demand(host: string): Promise<void> {
    const name = plain(host)
    if (isAddress(name) ? !(await this.#admits(name, name)) : !(await this.#mayMean(name))) throw refusal(name)
  }

  /** What the name means, as far as that is admitted. Throws `forbidden` where none is, and the errors of node:dns. */
  async addressesOf(host: string): Promise<LookupAddress[]> {
    const name = plain(host)
    await this.demand(name)
    const admitted: LookupAddress[] = []
    for (const one of await this.#ask(name)) if (await this.#admits(one.address, name)) admitted.push(one)
    if (admitted.length === 0) throw refusal(name)
    return admitted
  }

  /** For node:net, which does not ask it about addresses: those are to be demanded before. */
  readonly lookup: LookupFunction = (host, { all = false, family }, done) => {
    const wanted = family === 4 || family === 'IPv4' ? 4 : family === 6 || family === 'IPv6' ? 6 : 0
    this.addressesOf(host)
      .then((found) => found.filter((one) => wanted === 0 || one.family === wanted))
      .then(
        (found) => {
          const [first] = found
          if (first === undefined) done(Object.assign(new Error('no such address'), { code: 'ENOTFOUND' }), '')
          else if (all) done(null, found)
          else done(null, first.address, first.family)
        },
        (error: NodeJS.ErrnoException) => done(error, ''),
      )
  }

  /** `name` is how it was asked for: a name that is listed admits what it means. */
  async #admits(address: string, name: string): Promise<boolean> {
    if (isNever(address)) return false
    if (this.#listed === undefined)
      return isPublic(address) || (isLoopbackAddress(address) && !(await this.#hasCredentials()))
    return this.#isListed(name) || this.#listed.ranges.has(address) || (this.#listed.isPublicToo && isPublic(address))
  }

  async #mayMean(name: string): Promise<boolean> {
    if (this.#listed !== undefined) return this.#isListed(name) || this.#listed.hasRanges || this.#listed.isPublicToo
    return !/(^|\.)localhost$/.test(name) || !(await this.#hasCredentials())
  }

  #isListed(name: string): boolean {
    const { names, suffixes } = this.#listed ?? { names: new Set(), suffixes: [] }
    return names.has(name) || suffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length)
  }
}

function listedIn(allowed: string): Listed {
  const entries = allowed
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  const ranges = entries.filter(isRange)
  const others = entries.filter((entry) => !isRange(entry) && entry !== anyPublic).map(nameIn)
  return {
    ...{ ranges: new AddressRanges(ranges), hasRanges: ranges.length > 0, isPublicToo: entries.includes(anyPublic) },
    names: new Set(others.filter((name) => !name.startsWith('.'))),
    suffixes: others.filter((name) => name.startsWith('.')),
  }
}

/** As URLs have it; a suffix with the dot before it. */
function nameIn(entry: string): string {
  const [, dot = '', name = ''] = /^(\*?\.)?(.*)$/.exec(entry) ?? []
  const host =
    /^[^/?#@:%\\[\]*\s]+$/.test(name) && URL.canParse(`http://${name}`) ? new URL(`http://${name}`).hostname : ''
  // `010.1.1.1` and `10.1` are addresses to some, and other ones to others.
  if (host === '' || isAddress(host))
    throw new ReplicationError(
      'invalid',
      `ALLOWED_HOSTS has ${JSON.stringify(entry)}, which is no host, *.suffix, address or range, and not \`public\``,
    )
  return `${dot === '' ? '' : '.'}${plain(host)}`
}

/** As URLs have it, without the brackets of IPv6 and the dot at the end. */
function plain(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
}

/** Does not say what the name means: whoever may configure an agent need not know the names of the net behind the server. */
function refusal(host: string): ReplicationError {
  return new ReplicationError('forbidden', `ALLOWED_HOSTS of this server does not admit ${host}`)
}
