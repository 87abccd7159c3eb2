/**
 * Who vouches for a package: Ed25519 (RFC 8032) over `trebuchet package v1`, a line feed and the package's id, which is the digest of
 * its manifest. So a signature binds all that is applied, and holds for the same content wherever it is kept.
 */
import { createHash, createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import type { PackageId, Signature } from './manifest.ts'

export interface JudgedSignature {
  readonly key: string
  /** `unknown`: this server does not have the public key, and so cannot say. */
  readonly state: 'valid' | 'invalid' | 'unknown'
}

/** The private keys that packages made here are signed with, and the public keys that are known, by their ids. */
export interface Seals {
  readonly signing: readonly KeyObject[]
  readonly trusted: ReadonlyMap<string, KeyObject>
}

export const noSeals: Seals = { signing: [], trusted: new Map() }

export const keyIdPattern = '^ed25519-[0-9a-f]{32}$'
/** What one package carries at most. */
export const maxSignatures = 16
const maxSigningKeys = 8
const signatureBytes = 64

/** `ed25519-` and half of the SHA-256 of the public key (SubjectPublicKeyInfo, DER), in hex; of a private key that of its public one. */
export function keyId(key: KeyObject): string {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ type: 'spki', format: 'der' })
  return `ed25519-${createHash('sha256').update(spki).digest('hex').slice(0, 32)}`
}

/** Both in PEM, one key behind the other, or the base64 of that; `signing` are also trusted. Throws `invalid`, never with a key in it. */
export function sealsFrom(signing: string | undefined, trusted: string | undefined): Seals {
  const own = signing === undefined ? [] : keysIn(signing, 'SIGNING_KEY', 'PRIVATE KEY')
  if (own.length > maxSigningKeys)
    throw new ReplicationError('invalid', `SIGNING_KEY has more than ${maxSigningKeys} keys`)
  const others = trusted === undefined ? [] : keysIn(trusted, 'TRUSTED_KEYS', 'PUBLIC KEY')
  const all = [...own.map((key) => createPublicKey(key)), ...others]
  return { signing: own, trusted: new Map(all.map((key) => [keyId(key), key])) }
}

/** All keys of this kind. `name` is what the text is called in messages. Throws `invalid`. */
export function keysIn(text: string, name: string, kind: 'PRIVATE KEY' | 'PUBLIC KEY'): KeyObject[] {
  const pem = text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('latin1')
  const blocks = [...pem.matchAll(/-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g)]
  const wrong = (what: string, cause?: unknown): ReplicationError =>
    new ReplicationError('invalid', `${name} ${what}`, cause === undefined ? {} : { cause })
  if (blocks.length === 0) throw wrong(`has no ${kind} in PEM, nor the base64 of one`)
  return blocks.map(([block, label]) => {
    if (label !== kind) throw wrong(`has a ${label}, and takes each as ${kind} in PEM`)
    let key: KeyObject
    try {
      key = kind === 'PRIVATE KEY' ? createPrivateKey(block) : createPublicKey(block)
    } catch (cause) {
      throw wrong(`has a ${kind} that cannot be read`, cause)
    }
    if (key.asymmetricKeyType !== 'ed25519')
      throw wrong(`has a key of type ${key.asymmetricKeyType}, and takes ed25519; make one with trebuchet key create`)
    return key
  })
}

export function signed(id: PackageId, keys: readonly KeyObject[]): Signature[] {
  return keys.map((key) => ({ key: keyId(key), signature: sign(null, messageOf(id), key).toString('base64') }))
}

/** One judgement for each key that is named; where it is named several times, the best. */
export function judge(
  id: PackageId,
  signatures: readonly Signature[],
  { trusted }: Pick<Seals, 'trusted'>,
): JudgedSignature[] {
  const judged = new Map<string, JudgedSignature['state']>()
  for (const { key, signature } of signatures) {
    const known = trusted.get(key)
    if (known === undefined) judged.set(key, 'unknown')
    else if (verify(null, messageOf(id), known, Buffer.from(signature, 'base64'))) judged.set(key, 'valid')
    else if (!judged.has(key)) judged.set(key, 'invalid')
  }
  return [...judged].map(([key, state]) => ({ key, state }))
}

/**
 * Those that are there and those that come, each once. Valid ones first, so that nobody can crowd them out; those that are known to be
 * wrong are left behind.
 */
export function joined(
  id: PackageId,
  there: readonly Signature[],
  coming: readonly Signature[],
  seals: Pick<Seals, 'trusted'>,
): Signature[] {
  const all = [...new Map([...there, ...coming].map((one) => [`${one.key} ${one.signature}`, one])).values()]
  const states = all.map((one) => judge(id, [one], seals)[0]?.state)
  const of = (wanted: JudgedSignature['state']): Signature[] => all.filter((_, i) => states[i] === wanted)
  return [...of('valid'), ...of('unknown')].slice(0, maxSignatures)
}

/** What stands in an origin. Throws TypeError. */
export function parseSignatures(value: unknown): Signature[] {
  if (!Array.isArray(value) || value.length > maxSignatures) throw new TypeError('the signatures are not a list')
  return value.map((one: unknown) => {
    const { key, signature } = one as Record<string, unknown>
    if (typeof key !== 'string' || !new RegExp(keyIdPattern).test(key)) throw new TypeError('a signature has no key')
    const bytes = typeof signature === 'string' ? Buffer.from(signature, 'base64') : Buffer.alloc(0)
    if (bytes.length !== signatureBytes || bytes.toString('base64') !== signature)
      throw new TypeError('a signature has not 64 bytes in base64')
    return { key, signature }
  })
}

function messageOf(id: PackageId): Buffer {
  return Buffer.from(`trebuchet package v1\n${id}`)
}
