/** What kinds of address there are, and which of them somebody has listed. */
import ipaddr, { type IPv4, type IPv6 } from 'ipaddr.js'

type Address = IPv4 | IPv6
type Range = readonly [Address, number]

/**
 * Where nobody's service is, whatever a range may cover: nowhere, everywhere, the own cable, and where clouds answer whoever asks with
 * the credentials of the machine (also Alibaba's, Azure's, Oracle's and those that AWS and Google have for IPv6).
 */
const never = [
  ...['0.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '255.255.255.255/32', '::/128', 'fe80::/10', 'ff00::/8'],
  ...['100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
].map((text) => ipaddr.parseCIDR(text))

/** All that is given out to the public of IPv6. */
const globalUnicast = ipaddr.parseCIDR('2000::/3')

/** Where an address of IPv6 has one of IPv4 in it: for those below the prefix, the place of its first byte. */
const embedding: readonly (readonly [Range, number])[] = [
  [ipaddr.parseCIDR('::/96'), 12],
  [ipaddr.parseCIDR('::ffff:0:0:0/96'), 12],
  [ipaddr.parseCIDR('64:ff9b::/96'), 12],
  [ipaddr.parseCIDR('64:ff9b:1::/48'), 12],
  [ipaddr.parseCIDR('2002::/16'), 2],
  // The server; the client, whose bits are turned over, is looked at beside it.
  [ipaddr.parseCIDR('2001::/32'), 4],
]
const teredo = ipaddr.parseCIDR('2001::/32')
const translated = ipaddr.parseCIDR('64:ff9b::/96')

export class AddressRanges {
  readonly #ranges: readonly Range[]

  /** Throws for what is no address and no range, as `isRange` says. */
  constructor(texts: readonly string[]) {
    this.#ranges = texts.map((text) => {
      if (text.includes('/')) return ipaddr.parseCIDR(text)
      const address = ipaddr.process(text)
      return [address, address.kind() === 'ipv4' ? 32 : 128]
    })
  }

  /** Whether the address, or what it stands for behind a translator, is within one of them. */
  has(text: string): boolean {
    const address = ipaddr.process(text)
    return [address, behind(address)].some((one) => this.#ranges.some((range) => isWithin(one, range)))
  }
}

/** `10.0.0.0/8`, `fd00::/8`, `10.1.2.3`, `::1`: just so, and in none of the other notations of IPv4. */
export function isRange(text: string): boolean {
  const [address = '', ...bits] = text.split('/')
  if (!isAddress(address) || address.includes('%') || bits.length > 1) return false
  return bits.length === 0 || ipaddr.isValidCIDR(text)
}

export function isAddress(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text)
}

/** Nobody may reach it, and no setting changes that. */
export function isNever(text: string): boolean {
  const address = ipaddr.process(text)
  return [address, ...embeddedIn(address)].some((one) => never.some((range) => isWithin(one, range)))
}

/** In none of the registries of special purposes that IANA keeps. */
export function isPublic(text: string): boolean {
  const address = behind(ipaddr.process(text))
  return address.range() === 'unicast' && (address.kind() === 'ipv4' || isWithin(address, globalUnicast))
}

export function isLoopbackAddress(text: string): boolean {
  return ipaddr.process(text).range() === 'loopback'
}

/** The well-known prefix of NAT64 stands for what is behind it: so a net of IPv6 alone reaches the rest. */
function behind(address: Address): Address {
  const [found] = isWithin(address, translated) ? embeddedIn(address) : []
  return found ?? address
}

function embeddedIn(address: Address): Address[] {
  if (address.kind() === 'ipv4' || address.range() === 'loopback') return []
  const bytes = address.toByteArray()
  const found = embedding
    .filter(([range]) => isWithin(address, range))
    .map(([, at]) => ipaddr.fromByteArray(bytes.slice(at, at + 4)))
  if (isWithin(address, teredo)) found.push(ipaddr.fromByteArray(bytes.slice(12).map((byte) => byte ^ 0xff)))
  return found
}

function isWithin(address: Address, range: Range): boolean {
  return address.kind() === range[0].kind() && address.match([range[0], range[1]] as [IPv4, number] & [IPv6, number])
}
