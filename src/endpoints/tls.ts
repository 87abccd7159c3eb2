import type { Static } from 'typebox'
import { Type } from '../resources/type.ts'

const pem = (description: string) => Type.Optional(Type.String({ minLength: 1, description: `PEM: ${description}` }))

/** How a server is spoken with over TLS. */
export const tlsSchema = Type.Object(
  {
    ca: pem('the authorities that sign for the service, instead of those that Node.js knows.'),
    cert: pem('our own certificate, with what leads to its authority.'),
    key: pem('the key of our certificate.'),
  },
  { additionalProperties: false },
)

/** The certificates are none, but live in files, where the key is. */
export const tlsSecrets = ['tls/ca', 'tls/cert', 'tls/key'] as const

export type TlsOptions = Static<typeof tlsSchema>
