import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import { printJson } from './json.ts'
import type { Document, DocumentName } from './names.ts'
import type { Schema } from './schema.ts'
import type { Value } from './value.ts'

/**
 * What a document that was found somewhere is: a resource, or else a list or a page of some, which are then named by
 * themselves alone. What belongs to a resource stays in it. `place` says what the document does not. Throws `invalid` for
 * what has no name.
 */
export function resourcesIn(value: Value, schema: Schema, place: Partial<DocumentName> = {}): Document[] {
  const named = resourceIn(value, schema, {})
  if (named !== undefined) return [named]
  const isList = Array.isArray(value)
  const members = isList ? (value as readonly Value[]) : schema.id(value) === undefined ? schema.embedded(value) : []
  if (members.length > 0 || isList)
    return members.map((member) => resourceIn(member, schema, {}) ?? refuse(member, schema, {}))
  return [resourceIn(value, schema, place) ?? refuse(value, schema, place)]
}

function resourceIn(value: Value, schema: Schema, place: Partial<DocumentName>): Document | undefined {
  const type = schema.type(value) ?? place.type
  const id = schema.id(value) ?? place.id
  return type === undefined || id === undefined ? undefined : { type, id, value }
}

function refuse(value: Value, schema: Schema, place: Partial<DocumentName>): never {
  const id = schema.id(value) ?? place.id
  const lacks = id === undefined ? 'id' : 'type'
  throw new ReplicationError(
    'invalid',
    `${id === undefined ? quote(printJson(value)) : `the document with the id ${quote(id)}`} has no ${lacks} that the schema can tell`,
  )
}
