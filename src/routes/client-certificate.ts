import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { ReplicationError } from '../errors.ts'

export interface Asked {
  readonly tlsClientCa?: string | undefined
  readonly tlsClientCertificates?: 'optional' | 'required' | undefined
}

/**
 * Throws `forbidden` for a connection without the certificate that callers must have, or with one that nobody here vouches for. The
 * certificate opens the door and nothing else: who calls is said by his token.
 */
export function demandCertificate(socket: Socket, { tlsClientCa, tlsClientCertificates }: Asked): void {
  if (tlsClientCa === undefined) return
  // A connection that resumes an earlier one counts as authorized also where that one had no certificate.
  const has = socket instanceof TLSSocket && Object.keys(socket.getPeerCertificate()).length > 0
  if (has ? socket.authorized : tlsClientCertificates === 'optional') return
  const what = has
    ? 'the certificate of the caller is not one that TLS_CLIENT_CA has signed'
    : 'callers need a certificate'
  throw new ReplicationError('forbidden', `${what}; this server asks for one beside the token`)
}
