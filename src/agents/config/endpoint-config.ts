import type { TSchema } from 'typebox'
import type { EndpointKind } from '../../endpoints/endpoint.ts'
import { Type } from '../../resources/type.ts'
import { bandwidthSchema } from './bandwidth.ts'
import { configSchema, nameSchema, type EndpointConfig } from './config.ts'
import { secretSchema } from './secret.ts'

export type Role = 'source' | 'target'

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, TSchema>>
  readonly required?: readonly string[]
  readonly anyOf?: readonly ObjectSchema[]
}

/** Kinds that have the role, by what they have: nothing else says what a kind can do. */
export function kindsFor(role: Role, kinds: readonly EndpointKind[]): EndpointKind[] {
  return kinds.filter((kind) => canBe(kind, role))
}

export function canBe(kind: EndpointKind, role: Role): boolean {
  return kind[role] !== undefined || (role === 'source' && kind.puller !== undefined)
}

const schemas = new WeakMap<EndpointKind, Record<Role, TSchema>>()

/** What a target of this kind has beside the options of its kind. */
function ofTarget(kind: EndpointKind): Readonly<Record<string, TSchema>> {
  return { name: nameSchema, ...(kind.sends === true && { bandwidth: bandwidthSchema }) }
}

/** The schema of a source or target of this kind: its options, its `kind`, and what every target of it has. */
export function endpointSchema(kind: EndpointKind, role: Role): TSchema {
  let both = schemas.get(kind)
  if (both === undefined) {
    both = { source: schemaFor(kind, 'source'), target: schemaFor(kind, 'target') }
    schemas.set(kind, both)
  }
  return both[role]
}

function schemaFor(kind: EndpointKind, role: Role): TSchema {
  const around = (options: ObjectSchema): TSchema => {
    const properties = (kind.secrets ?? []).reduce(withSecretAt, options.properties ?? {})
    return Type.Unsafe({
      type: 'object',
      title: kind.title,
      required: ['kind', ...(options.required ?? [])],
      properties: {
        kind: { type: 'string', const: kind.name },
        ...properties,
        ...(role === 'target' ? ofTarget(kind) : {}),
      },
      additionalProperties: false,
    })
  }
  const options = kind.options as ObjectSchema
  return options.anyOf === undefined ? around(options) : Type.Unsafe({ anyOf: options.anyOf.map(around) })
}

type Properties = Readonly<Record<string, TSchema>>

/** `way`: from one object into the next, as `secrets` of a kind names them. */
function withSecretAt(properties: Properties, way: string): Properties {
  const [name = '', ...more] = way.split('/')
  const schema = properties[name]
  if (schema === undefined) return properties
  if (more.length === 0) return { ...properties, [name]: secretSchema(schema) }
  const inner = (schema as ObjectSchema).properties ?? {}
  return { ...properties, [name]: Type.Unsafe({ ...schema, properties: withSecretAt(inner, more.join('/')) }) }
}

/**
 * What the kind's own functions get. An option of the kind that is called `name` is, on a target, the target's name:
 * the two share the word, and so the value.
 */
export function optionsOf(endpoint: EndpointConfig, kind: EndpointKind): Record<string, unknown> {
  const { kind: _, ...rest } = endpoint
  const options: Record<string, unknown> = rest
  const own = kind.options as ObjectSchema
  for (const shared of ['name', 'bandwidth']) {
    const known = (own.anyOf ?? [own]).some(({ properties }) => properties !== undefined && shared in properties)
    if (!known) delete options[shared]
  }
  return options
}

/** The whole schema of a config, as callers read it: each endpoint is one of the kinds. */
export function documentedConfigSchema(kinds: readonly EndpointKind[]): TSchema {
  const oneOf = (role: Role): TSchema =>
    Type.Unsafe({
      oneOf: kindsFor(role, kinds).map((kind) => endpointSchema(kind, role)),
      discriminator: { propertyName: 'kind' },
    })
  return configSchema(oneOf('source'), oneOf('target'))
}
