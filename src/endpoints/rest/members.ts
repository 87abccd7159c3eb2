/** The documents that an answer is made of. */
import type { DocumentName } from '../../documents/names.ts'
import type { Link } from '../../documents/schema.ts'
import type { Value } from '../../documents/value.ts'
import { below, collectionOf, lastSegment, resolved } from './address.ts'
import type { Form } from './form.ts'
import type { Found, Service } from './service.ts'

/** Where something was found. */
export interface Context {
  readonly uri: string
  /** What is there, where the options say it. */
  readonly type?: string
}

export interface Member {
  /** The document; undefined for what is none, such as a page; a text for what should be one, saying why it is not. */
  readonly found: Found | string | undefined
  readonly links: readonly Link[]
  /** It stood in a page. */
  readonly isMember: boolean
}

/** What was answered itself, then what is embedded in it, to any depth. */
export function* membersIn(
  service: Service,
  value: Value,
  context: Context,
  isMember: boolean,
): Generator<Member, void, void> {
  const { form } = service
  const own = isMember ? form.memberOf(value) : value
  if (own === undefined) return
  const isPage = holdsOthers(form, value)
  const document = isPage ? form.withoutMembers(own) : own
  yield { found: foundIn(service, document, context, isMember), links: form.schema.links(own), isMember }
  if (isPage) for (const one of membersOf(form, value)) yield* membersIn(service, one, context, true)
}

/** Whether its members are documents of their own: what has an id itself may have a list of what has none. */
export function holdsOthers(form: Form, value: Value): boolean {
  const members = membersOf(form, value)
  const hasId = form.schema.id(form.memberOf(value) ?? value) !== undefined
  return members.length > 0 && (!hasId || members.every((one) => idOf(form, one) !== undefined))
}

function membersOf(form: Form, value: Value): readonly Value[] {
  return form.schema.embedded(value).filter((one) => form.memberOf(one) !== undefined)
}

function idOf(form: Form, member: Value): string | undefined {
  const document = form.memberOf(member)
  return document === undefined ? undefined : form.schema.id(document)
}

function foundIn(service: Service, value: Value, context: Context, isMember: boolean): Found | string | undefined {
  const { form } = service
  const id = form.schema.id(value)
  if (id === undefined) return isMember ? 'it has no id' : undefined
  const folder = isMember ? context.uri : collectionOf(context.uri)
  const type = form.schema.type(value) ?? context.type ?? lastSegment(folder)
  if (type === undefined) return `nothing says of which type ${JSON.stringify(id)} is`
  const self = form.schema.uri(value)
  const own = self === undefined ? undefined : resolved(self, context.uri)
  const uri = own ?? (isMember ? placeIn(service, { type, id }, context) : context.uri)
  const parents = form.schema.parents(value).flatMap((href) => resolved(href, uri) ?? [])
  return { type, id, value: form.received(value), uri, parents }
}

/** Where a member is that does not say so. */
function placeIn({ addresses }: Service, name: DocumentName, { uri, type }: Context): string {
  // No URI can have this in its path: it is not to be found but here.
  if ([name.id, name.type].some((one) => /^\.\.?$/.test(one))) return `${uri}#${name.type}/${name.id}`
  return type === undefined && lastSegment(uri) === name.type ? below(uri, name.id) : addresses.placeOf(name, undefined)
}
