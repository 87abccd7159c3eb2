import { Type } from '../../resources/type.ts'
/** The option `schema` of every kind whose resources are documents. */

const pointer = Type.Optional(
  Type.String({ maxLength: 1024, pattern: '^(/([^~/]|~[01])*)*$', description: 'A JSON Pointer (RFC 6901).' }),
)

export const schemaOption = Type.Union(
  [
    Type.Literal('hal'),
    Type.Literal('simple'),
    Type.Object(
      { id: pointer, type: pointer, uri: pointer, parents: pointer, embedded: pointer, links: pointer },
      { additionalProperties: false },
    ),
  ],
  {
    description:
      'How documents say what they are. `hal` (the default): `id`, the type in the path of `_links.self`, parents in the relations ' +
      '`parent:…`. `simple`: `id`, `type`, `uri`, `parents`, `embedded`, `links`. Or JSON Pointers to those.',
  },
)
