/** The server's own side of TLS: its certificate, whom it asks for one, and how both change while it runs. */
import { X509Certificate } from 'node:crypto'
import type { RequestListener, ServerOptions } from 'node:http'
import { createServer, type Server } from 'node:https'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { ReplicationError } from './errors.ts'

/** As the settings have them, in PEM. */
export interface TlsSettings {
  readonly tlsCert?: string
  readonly tlsKey?: string
  /** Who signs for callers: they are asked for a certificate. */
  readonly tlsClientCa?: string
}

/** What a certificate that ends sooner is warned of. */
const warnBeforeMs = 14 * 86_400_000

export class Certificates {
  readonly #read: () => TlsSettings
  readonly #servers = new Set<Server>()
  #current: TlsSettings
  #endsAt: number

  /** Undefined where there is no TLS. `read` answers what the settings say now. Throws `invalid` for what cannot be used. */
  static of(settings: TlsSettings, read: () => TlsSettings = () => settings): Certificates | undefined {
    const { tlsCert, tlsKey, tlsClientCa } = settings
    if (tlsCert !== undefined && tlsKey !== undefined) return new Certificates(settings, read)
    if (tlsCert === undefined && tlsKey === undefined && tlsClientCa === undefined) return undefined
    throw new ReplicationError('invalid', 'TLS needs both TLS_CERT and TLS_KEY (or TLS_CERT_FILE and TLS_KEY_FILE)')
  }

  private constructor(settings: TlsSettings, read: () => TlsSettings) {
    this.#read = read
    this.#endsAt = endOf(settings)
    this.#current = settings
  }

  serve(options: ServerOptions, listener: RequestListener): Server {
    const asks = this.#current.tlsClientCa !== undefined
    // Who has none is told so by an answer, which says more than a handshake that fails (routes/client-certificate.ts).
    const server = createServer(
      { ...options, ...contextOf(this.#current), requestCert: asks, rejectUnauthorized: false },
      listener,
    )
    this.#servers.add(server)
    return server
  }

  /**
   * Takes over what has changed, for connections from now on; those that are open stay. Answers whether something had. Throws
   * `invalid` for what cannot be used: then all is as before.
   */
  readAgain(): boolean {
    const found = this.#read()
    const names = ['tlsCert', 'tlsKey', 'tlsClientCa'] as const
    if (names.every((name) => found[name] === this.#current[name])) return false
    if ((found.tlsClientCa === undefined) !== (this.#current.tlsClientCa === undefined))
      throw new ReplicationError('invalid', 'whether callers are asked for a certificate changes with a restart only')
    this.#endsAt = endOf(found)
    this.#current = found
    for (const server of this.#servers) server.setSecureContext(contextOf(found))
    return true
  }

  /** What whoever runs the server should do soon. */
  warnings(now = Date.now()): string[] {
    if (now < this.#endsAt - warnBeforeMs) return []
    const ends = new Date(this.#endsAt).toISOString()
    return [`the certificate in TLS_CERT ${now < this.#endsAt ? 'ends' : 'has ended'} at ${ends}`]
  }
}

function contextOf({ tlsCert, tlsKey, tlsClientCa }: TlsSettings): SecureContextOptions {
  return { cert: tlsCert, key: tlsKey, ca: tlsClientCa, minVersion: 'TLSv1.2' }
}

/** Throws `invalid` for what cannot be used together, or at all. */
function endOf(settings: TlsSettings): number {
  try {
    createSecureContext(contextOf(settings))
    return Date.parse(new X509Certificate(settings.tlsCert ?? '').validTo)
  } catch (cause) {
    const { message } = cause as Error
    const detail = `TLS_CERT, TLS_KEY and TLS_CLIENT_CA cannot be used: ${message}; give a certificate, its key without a passphrase, and certificates, in PEM`
    throw new ReplicationError('invalid', detail, { cause })
  }
}
