import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from 'jose'

interface Key {
  readonly kid: string
  readonly privateKey: CryptoKey
  readonly publicJwk: JWK
}

/** An OpenID Connect issuer, over real HTTP, with keys of its own. */
export class IdentityProvider {
  /** How often it was asked for its keys. */
  asked = 0
  /** What it says of itself, when that is not the truth. */
  says: string | undefined
  /** It is in trouble, and answers 500. */
  isIll = false
  #keys: Key[] = []
  readonly #server = createServer(({ url }, response) => {
    if (this.isIll) return void response.writeHead(500).end()
    const isKeys = url === '/keys'
    if (isKeys) this.asked++
    const about = { issuer: this.says ?? this.url, jwks_uri: `${this.url}/keys` }
    const answer = isKeys ? { keys: this.#keys.map(({ publicJwk }) => publicJwk) } : about
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  })

  static async start(t: { after(fn: () => void): void }): Promise<IdentityProvider> {
    const provider = new IdentityProvider()
    await provider.rotate('first')
    await new Promise<void>((resolve) => provider.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      provider.#server.closeAllConnections()
      provider.#server.close()
    })
    return provider
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** As the settings of a server name it. */
  get settings(): { readonly oidcIssuer: string; readonly oidcAudience: string } {
    return { oidcIssuer: this.url, oidcAudience: 'trebuchet' }
  }

  get publicJwk(): JWK {
    return this.#keys[0]?.publicJwk ?? {}
  }

  /** From now on it has this key alone. */
  async rotate(kid: string): Promise<void> {
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    this.#keys = [{ kid, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } }]
  }

  /** A token that is good, but for what is said otherwise. */
  async token(
    claims: Readonly<Record<string, unknown>> = {},
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<string> {
    const [key] = this.#keys
    if (key === undefined) throw new Error('it has no key')
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: this.url, aud: 'trebuchet', sub: 'u-1', exp: now + 3600, iat: now, ...claims }
    return new SignJWT(all).setProtectedHeader({ alg: 'ES256', kid: key.kid, ...header }).sign(key.privateKey)
  }
}
