/** Where the service of a document is called, as a resource beside its paths, where it is content. */
import { parseJson, printJson } from '../../documents/json.ts'
import { fieldOf, isFields, type Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import { parsePath, quote } from '../../resources/path.ts'
import type { Definitions } from './definitions.ts'

/** No path of a document is at it: see paths.ts. */
export const serversPath = parsePath('/~servers')

/** On one line; undefined where they are owned, or there are none. */
export function serversText({ value, owned }: Pick<Definitions, 'value' | 'owned'>): string | undefined {
  const servers = owned.takesServers ? fieldOf(value, 'servers') : undefined
  return servers === undefined ? undefined : `${printJson({ servers })}\n`
}

/** Throws `invalid`. */
export function serversIn(bytes: Uint8Array, { owned }: Pick<Definitions, 'owned'>): Value {
  const refused = (why: string): ReplicationError =>
    new ReplicationError('invalid', `${quote(serversPath)} cannot be held: ${why}`)
  if (!owned.takesServers) throw refused('the document keeps its own servers; `servers` of the endpoint may be `take`')
  const value = parseJson(Buffer.from(bytes).toString())
  const servers = fieldOf(value, 'servers')
  if (!isFields(value) || Object.keys(value).length !== 1 || !Array.isArray(servers))
    throw refused('it is no object of just a list `servers`')
  return servers as Value
}
