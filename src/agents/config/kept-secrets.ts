import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { ReplicationError, type Fault } from '../../errors.ts'
import { encryptedIn, isEncrypted, type KeyRing } from '../../secrets/key-ring.ts'
import { keyPrefix } from '../../secrets/open.ts'
import type { Write } from '../../state/store.ts'
import type { AgentConfig } from './config.ts'
import { refuseLocked, type Locked } from './secret.ts'
import { redacted, withEachSecret } from './secrets.ts'

/** Shorter ones would be found in words that are none, so that logs and errors could not be kept free of them. */
const minLength = 6

/** Secrets of configs: plain for the agents, encrypted in the Store, and for callers not at all. */
export class KeptSecrets {
  readonly kinds: readonly EndpointKind[]
  readonly keys: KeyRing

  constructor(kinds: readonly EndpointKind[], keys: KeyRing) {
    this.kinds = kinds
    this.keys = keys
  }

  /** Without its secrets, as callers may see it. */
  shown(config: AgentConfig): AgentConfig {
    return redacted(config, this.kinds)
  }

  /** With its secrets, as agents need it. What cannot be decrypted stays, and says why when it is used. */
  opened(config: AgentConfig): AgentConfig {
    return withEachSecret(config, this.kinds, (secret, { belongsTo, isSure }) => {
      if (!isEncrypted(secret) || !isSure) return secret
      try {
        return this.keys.decrypt(secret, belongsTo)
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error
        return { encrypted: secret.encrypted, why: error } satisfies Locked
      }
    })
  }

  /** Throws why, where one of them cannot be decrypted: what is sent again would else overwrite it. */
  refuseLocked(config: AgentConfig): void {
    withEachSecret(config, this.kinds, (secret, { pointer }) => {
      refuseLocked(secret, pointer)
      return secret
    })
  }

  /** As it is kept: encrypted with the current key, as far as it can be. What cannot be decrypted is kept as it was. */
  encrypted(config: AgentConfig): AgentConfig {
    return withEachSecret(this.opened(config), this.kinds, (secret, { belongsTo, isSure }) => {
      if (isEncrypted(secret)) return { encrypted: secret.encrypted }
      const isText = typeof secret === 'string'
      return isText && secret !== '' && isSure && this.keys.current !== undefined
        ? this.keys.encrypt(secret, belongsTo)
        : secret
    })
  }

  /**
   * What says which keys a config needs, as it is kept, so that nobody takes them for done with. Another value each time, so that
   * whoever has looked before sees that it was needed since.
   */
  marks(kept: AgentConfig): Write[] {
    return [...new Set(this.count(kept).keys)].map((key) => ({
      put: `${keyPrefix}${key}`,
      value: new Date().toISOString(),
    }))
  }

  /** Of a config as it is kept: the key of each secret that is encrypted, wherever it is, and how many are plain. */
  count(kept: AgentConfig): { readonly keys: readonly string[]; readonly plain: number } {
    const keys = [...JSON.stringify(kept).matchAll(encryptedIn)].map(([, key = '']) => key)
    let plain = 0
    withEachSecret(kept, this.kinds, (secret, { isSure }) => {
      if (typeof secret === 'string' && secret !== '' && isSure) plain++
      return secret
    })
    return { keys, plain }
  }

  /** What is wrong with the plain secrets that a config has and `stored` has not, for the same use. */
  faults(config: AgentConfig, stored: AgentConfig | undefined): Fault[] {
    const known = new Map<string, unknown>()
    if (stored !== undefined)
      withEachSecret(stored, this.kinds, (secret, { belongsTo }) => void known.set(belongsTo, secret))
    const faults: Fault[] = []
    withEachSecret(config, this.kinds, (secret, { belongsTo, pointer }) => {
      if (typeof secret !== 'string' || known.get(belongsTo) === secret) return secret
      const message = this.#objection(secret)
      if (message !== undefined) faults.push({ pointer, message })
      return secret
    })
    return faults
  }

  #objection(secret: string): string | undefined {
    if (secret === '') return undefined
    if (secret.length < minLength)
      return `must have at least ${minLength} characters: a shorter secret cannot be told from other text, and so not be kept out of logs`
    if (this.keys.current !== undefined) return undefined
    return 'cannot be kept, for this server has no key to encrypt it with: set SECRETS_KEY, or name it, {"env": …} or {"file": …}'
  }
}
