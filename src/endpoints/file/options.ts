import type { Static } from 'typebox'
import { Type } from '../../resources/type.ts'
import { schemaOption } from '../documents/schema-option.ts'

export const fileOptions = Type.Object(
  {
    path: Type.String({
      minLength: 1,
      maxLength: 4096,
      description:
        'The file. A relative path begins where the server was started. Beside a target, the folder .trebuchet-<name> is ' +
        'where the server keeps receipts and what is on its way.',
    }),
    format: Type.Optional(
      Type.Union([Type.Literal('yaml'), Type.Literal('json'), Type.Literal('ndjson')], {
        description:
          'Documents of YAML behind one another, one list of JSON, or a document of JSON on each line. When absent, what the ending says ' +
          '(.yaml, .yml, .json, .ndjson, .jsonl); with another ending, what is in it, and YAML in a new file.',
      }),
    ),
    schema: Type.Optional(schemaOption),
  },
  { additionalProperties: false },
)

export type FileOptions = Static<typeof fileOptions>
