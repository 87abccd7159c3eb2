import type { Static, TSchema } from 'typebox'
import { Type } from '../../resources/type.ts'
import { tlsSchema as tls, tlsSecrets } from '../tls.ts'

const closed = { additionalProperties: false } as const
const text = (description: string) => Type.String({ minLength: 1, description })
const pointer = (description: string) => Type.Optional(Type.String({ format: 'json-pointer', description }))
const between = (minimum: number, maximum: number, value: number, description: string) =>
  Type.Optional(Type.Integer({ minimum, maximum, default: value, description }))

const pointers = Type.Object(
  {
    id: pointer('Where a document says its id; default /id.'),
    type: pointer('Where it says its type; default /type.'),
    uri: pointer('Where it says its own URI; default /uri.'),
    parents: pointer('A list of URIs of what must be there before it; default /parents.'),
    links: pointer('Its links; default /links.'),
    embedded: pointer('In a page, the list of its members; default /embedded.'),
    document: pointer('In a member of that list, the document itself. Default: the member is the document.'),
  },
  closed,
)

const auth = Type.Object(
  {
    basic: Type.Optional(
      Type.Object(
        { username: text('Name of the user.'), password: Type.String({ description: 'Its password.' }) },
        closed,
      ),
    ),
    bearer: Type.Optional(text('A token, sent as `Authorization: Bearer`.')),
    header: Type.Optional(
      Type.Object({ name: text('Name of a header.'), value: text('What it holds: a key, for example.') }, closed),
    ),
  },
  {
    ...closed,
    minProperties: 1,
    maxProperties: 1,
    description: 'How requests say who they come from: one of the three.',
  },
)

const rewrite = Type.Object(
  {
    from: text('What links begin with in resources.'),
    to: text('What they begin with at this service instead.'),
  },
  closed,
)

export const optionsSchema = Type.Object(
  {
    url: Type.String({
      format: 'uri',
      pattern: '^https?://[^/?#@]+(/[^#]*)?$',
      description: 'Where reading begins: a collection, a resource, or a document that links to some.',
    }),
    schema: Type.Optional(
      Type.Union([Type.Literal('hal'), Type.Literal('simple'), pointers], {
        default: 'hal',
        description: 'How documents say what they are.',
      }),
    ),
    follow: Type.Optional(
      Type.Union([Type.Literal('all'), Type.Literal('child'), Type.Literal('page'), Type.Literal('none')], {
        default: 'page',
        description:
          'Which links are followed: the next and previous pages, also those of `child:…` relations, all, or none.',
      }),
    ),
    listing: Type.Optional(
      Type.Union([Type.Literal('pages'), Type.Literal('webdav')], {
        default: 'pages',
        description: '`webdav`: the documents are files `<url>/<type>/<id>.json` of a WebDAV server.',
      }),
    ),
    collections: Type.Optional(
      Type.Record(Type.String({ minLength: 1, maxLength: 200 }), text('Where it is listed, from `url` on.'), {
        description: 'Types and where each is listed, for services that do not link to their collections.',
      }),
    ),
    format: Type.Optional(
      Type.Union([Type.Literal('json'), Type.Literal('yaml')], { default: 'json', description: 'What is written.' }),
    ),
    auth: Type.Optional(auth),
    headers: Type.Optional(
      Type.Record(
        Type.String({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }),
        Type.String({ pattern: '^[^\\r\\n\\0]*$' }),
        {
          ...closed,
          description: 'Sent with each request, where credentials are.',
        },
      ),
    ),
    origins: Type.Optional(
      Type.Array(Type.String({ format: 'origin' }), {
        description: 'Other origins that get the credentials too, when links lead there.',
      }),
    ),
    tls: Type.Optional(tls),
    concurrency: between(1, 256, 32, 'Requests at the same time.'),
    batchSize: between(
      1,
      10_000,
      1,
      'More than 1: so many resources in one PATCH of their collection, where it allows that.',
    ),
    limit: between(1, 100_000, 100, 'How many resources we ask for in a page.'),
    attempts: between(1, 20, 3, 'How often a request is tried while it fails for a reason that may pass.'),
    timeoutMs: between(1, 600_000, 30_000, 'For how long nothing may come before an attempt counts as failed.'),
    rateLimit: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: 100_000, description: 'Requests per second, at most.' }),
    ),
    basePath: Type.Optional(
      Type.String({
        pattern: '^/',
        description: 'Where the paths of URIs begin at this service: `/v2` for a proxy that adds it.',
      }),
    ),
    rewrite: Type.Optional(
      Type.Array(rewrite, { maxItems: 100, description: 'Links between environments. The first that fits is taken.' }),
    ),
    ignore: Type.Optional(
      Type.Array(Type.String({ format: 'json-pointer', minLength: 1 }), {
        maxItems: 100,
        description: 'Members that the service makes by itself (`/_rev`, `/updatedAt`): neither read nor compared.',
      }),
    ),
  },
  closed,
) satisfies TSchema

export type RestOptions = Static<typeof optionsSchema>

/** Names of options that are secrets, each as its way through the options. */
export const secrets = ['auth/basic/password', 'auth/bearer', 'auth/header/value', ...tlsSecrets] as const
