import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { ReplicationError } from '../errors.ts'

/*
 * A secret as it is kept is `{ "encrypted": "v1.<key>.<data>" }`: the id of the key, and in base64url a nonce of 12 random bytes,
 * the ciphertext and the tag of AES-256-GCM. Where it belongs is authenticated with it, so that it is worth nothing elsewhere.
 */
const cipher = 'aes-256-gcm'
const version = 'v1'
const [keyBytes, nonceBytes, tagBytes] = [32, 12, 16]

export interface Encrypted {
  readonly encrypted: string
}

export function isEncrypted(value: unknown): value is Encrypted {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Encrypted>).encrypted === 'string'
}

/** Finds those of a text of JSON, and the key of each. */
export const encryptedIn = /"encrypted":"v1\.([0-9a-f]{16})\./g

/** The keys that a server has: the first encrypts, all decrypt. */
export class KeyRing {
  /** The id of the key that encrypts; without one no secret can be kept. */
  readonly current: string | undefined
  readonly #keys: ReadonlyMap<string, Buffer>

  constructor(keys: readonly Buffer[]) {
    this.#keys = new Map(keys.map((key) => [idOf(key), key]))
    this.current = keys[0] && idOf(keys[0])
  }

  /** Whether what was encrypted with the key of that id can be read. */
  has(key: string): boolean {
    return this.#keys.has(key)
  }

  /** `place`: where it belongs. Only for a ring with a current key. */
  encrypt(secret: string, place: string): Encrypted {
    const { current } = this
    const key = current === undefined ? undefined : this.#keys.get(current)
    if (current === undefined || key === undefined) throw new Error('there is no key to encrypt with')
    const nonce = randomBytes(nonceBytes)
    const coder = createCipheriv(cipher, key, nonce, { authTagLength: tagBytes }).setAAD(aboutOf(current, place))
    const coded = [nonce, coder.update(secret, 'utf8'), coder.final(), coder.getAuthTag()]
    return { encrypted: `${version}.${current}.${Buffer.concat(coded).toString('base64url')}` }
  }

  /** Throws `unavailable` when its key is not here, `corrupt` when it was changed, or belongs elsewhere. */
  decrypt({ encrypted }: Encrypted, place: string): string {
    const [format, id = '', data = ''] = encrypted.split('.')
    const key = this.#keys.get(id)
    if (key === undefined)
      throw new ReplicationError(
        'unavailable',
        `it is encrypted with key ${id.slice(0, 32)}, which this server does not have`,
      )
    const bytes = Buffer.from(data, 'base64url')
    try {
      if (format !== version || bytes.length < nonceBytes + tagBytes) throw new Error('this is no secret of ours')
      const decoder = createDecipheriv(cipher, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
      decoder.setAAD(aboutOf(id, place)).setAuthTag(bytes.subarray(-tagBytes))
      return Buffer.concat([decoder.update(bytes.subarray(nonceBytes, -tagBytes)), decoder.final()]).toString('utf8')
    } catch (cause) {
      throw new ReplicationError('corrupt', 'it was changed, or moved here from where it belongs; send it again', {
        cause,
      })
    }
  }
}

/** Keys as people write them, with commas or line ends between them; undefined where one is none of 32 bytes in base64 or hexadecimal. */
export function keysIn(text: string): Buffer[] | undefined {
  const words = text.split(/[\s,]+/).filter((word) => word !== '')
  const keys = words.map((word) => {
    if (/^[0-9a-fA-F]{64}$/.test(word)) return Buffer.from(word, 'hex')
    return /^[A-Za-z0-9+/_-]{43}=?$/.test(word) ? Buffer.from(word, 'base64') : Buffer.alloc(0)
  })
  return keys.length > 0 && keys.every(({ length }) => length === keyBytes) ? keys : undefined
}

export function newKey(): string {
  return randomBytes(keyBytes).toString('base64')
}

/** It names the key and tells nothing of it. */
function idOf(key: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from('trebuchet: id of a key for secrets\0'), key])).slice(0, 16)
}

function aboutOf(key: string, place: string): Buffer {
  return Buffer.from(`${version}.${key}.${place}`)
}
