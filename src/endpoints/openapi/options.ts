import type { Static } from 'typebox'
import { Type } from '../../resources/type.ts'
import { optionsSchema as restOptions } from '../rest/options.ts'

import { takesServers } from './owned.ts'

const ownedByDefault: string[] = ['x-*']

const closed = { additionalProperties: false } as const

const about = {
  format: Type.Optional(
    Type.Union([Type.Literal('json'), Type.Literal('yaml')], {
      description:
        'When absent: what the ending says (.json, .yaml, .yml), of a URL the media type; else what is in it, and YAML in a new file.',
    }),
  ),
  owned: Type.Optional(
    Type.Array(Type.String({ maxLength: 1024, pattern: '^(x-[^*]*\\*?|(/([^~/]|~[01])*)+)$' }), {
      maxItems: 1000,
      description:
        'What belongs to the document, beside `servers`, and is neither compared nor carried: names of extensions, `x-acme-*` for ' +
        'all that begin so, and JSON Pointers into the document; `x-*` when absent. An empty list: all extensions are content.',
    }),
  ),
  servers: Type.Optional(
    Type.Union([Type.Literal('keep'), Type.Literal('take')], {
      description:
        '`keep`, which is meant when it is absent: where the service is called belongs to the document. `take`: it is content too, that of ' +
        'the document as a whole as the resource `/~servers`. Both sides should say the same.',
    }),
  ),
}

const { auth, headers, tls, timeoutMs, attempts } = restOptions.properties

/** It has a `path` or a `url`: which, says `isAtUrl`. */
export const openapiOptions = Type.Object(
  {
    path: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: 4096 },
        description:
          'The file. A relative path begins where the server was started. Beside a target, the folder .trebuchet-<name> is ' +
          'where the server keeps receipts and what is on its way.',
      }),
    ),
    url: Type.Optional(
      Type.String({
        ...{ format: 'uri', pattern: '^https?://[^/?#@]+(/[^#]*)?$' },
        description: 'Instead of `path`, where the document is: read by GET, written by PUT.',
      }),
    ),
    ...about,
    ...{ auth, headers, tls, timeoutMs, attempts },
  },
  closed,
)

export type OpenapiOptions = Static<typeof openapiOptions>
type About = Pick<OpenapiOptions, 'format' | 'owned' | 'servers'>
export type FileOptions = About & { readonly path: string }
export type UrlOptions = About &
  Pick<OpenapiOptions, 'auth' | 'headers' | 'tls' | 'timeoutMs' | 'attempts'> & { readonly url: string }

/** What belongs to the document, as `Owned` has it. */
export function ownedBy({ owned = ownedByDefault, servers }: About): readonly string[] {
  return servers === 'take' ? [...owned, takesServers] : owned
}
