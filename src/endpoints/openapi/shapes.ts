/**
 * What an OpenAPI document (3.0 and 3.1) is made of: where its objects are, which of them may have extensions and which are maps
 * whose names are the author's own. What is not named here is a literal: nothing in it is an extension or a reference.
 */
import type { Value } from '../../documents/value.ts'

export type Shape =
  | 'literal'
  | { readonly object: ObjectName }
  | { readonly map: Shape }
  | { readonly list: Shape }
  /** One, or a list of them. */
  | { readonly some: Shape }

interface ObjectShape {
  readonly fields: Readonly<Record<string, Shape>>
  /** What fields with other names are, extensions aside. */
  readonly others?: Shape
  /** `servers` in it belongs to whoever serves the document. */
  readonly servers?: true
}

export type ObjectName =
  | 'pathItem'
  | 'operation'
  | 'parameter'
  | 'requestBody'
  | 'mediaType'
  | 'encoding'
  | 'responses'
  | 'response'
  | 'callback'
  | 'example'
  | 'link'
  | 'schema'
  | 'securityScheme'
  | 'flows'
  | 'plain'

const object = (name: ObjectName): Shape => ({ object: name })
const map = (of: Shape): Shape => ({ map: of })
const list = (of: Shape): Shape => ({ list: of })
const schema = object('schema')

function named(names: readonly string[], shape: Shape): Record<string, Shape> {
  return Object.fromEntries(names.map((name) => [name, shape]))
}

/** The methods of a path item. */
export const methods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'] as const

/** Parameters and headers. */
const parameter: ObjectShape = {
  fields: { schema, examples: map(object('example')), content: map(object('mediaType')) },
}

export const objects: Readonly<Record<ObjectName, ObjectShape>> = {
  pathItem: {
    fields: { ...named(methods, object('operation')), parameters: list(object('parameter')) },
    servers: true,
  },
  operation: {
    fields: {
      externalDocs: object('plain'),
      parameters: list(object('parameter')),
      requestBody: object('requestBody'),
      responses: object('responses'),
      callbacks: map(object('callback')),
    },
    servers: true,
  },
  parameter,
  requestBody: { fields: { content: map(object('mediaType')) } },
  mediaType: {
    fields: { schema, examples: map(object('example')), encoding: map(object('encoding')) },
  },
  encoding: { fields: { headers: map(object('parameter')) } },
  responses: { fields: {}, others: object('response') },
  response: {
    fields: { headers: map(object('parameter')), content: map(object('mediaType')), links: map(object('link')) },
  },
  callback: { fields: {}, others: object('pathItem') },
  example: { fields: {} },
  link: { fields: {} },
  schema: {
    fields: {
      ...named(['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas'], map(schema)),
      ...named(['allOf', 'anyOf', 'oneOf', 'prefixItems'], list(schema)),
      items: { some: schema },
      ...named(['additionalProperties', 'additionalItems', 'unevaluatedItems', 'unevaluatedProperties'], schema),
      ...named(['not', 'if', 'then', 'else', 'contains', 'propertyNames', 'contentSchema'], schema),
      ...named(['discriminator', 'xml', 'externalDocs'], object('plain')),
    },
  },
  securityScheme: { fields: { flows: object('flows') } },
  flows: { fields: named(['implicit', 'password', 'clientCredentials', 'authorizationCode'], object('plain')) },
  plain: { fields: {} },
}

/** Sections of `components`, and what is in each. */
export const sections: Readonly<Record<string, ObjectName>> = {
  schemas: 'schema',
  responses: 'response',
  parameters: 'parameter',
  examples: 'example',
  requestBodies: 'requestBody',
  headers: 'parameter',
  securitySchemes: 'securityScheme',
  links: 'link',
  callbacks: 'callback',
  pathItems: 'pathItem',
}

/** What a member of an object is. */
export function shapeOf(of: ObjectName, name: string): Shape {
  const { fields, others = 'literal' } = objects[of]
  return Object.hasOwn(fields, name) ? (fields[name] as Shape) : isExtension(name) ? 'literal' : others
}

/** What it is, now that there is a value to look at. */
export function settled(shape: Shape, value: Value): Exclude<Shape, { some: Shape }> {
  if (shape === 'literal' || !('some' in shape)) return shape
  return Array.isArray(value) ? { list: shape.some } : settled(shape.some, value)
}

export function isExtension(name: string): boolean {
  return name.startsWith('x-')
}
