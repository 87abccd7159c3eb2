/**
 * What stands at a place of a document, which decides what a name there means: a schema may have a property that is called
 * `required`, and an example a list that is called `tags`. `plain` is any place of a document that is not OpenAPI.
 */
export type Nature =
  | 'plain'
  /** An object of OpenAPI: its names are keywords, and it may be a reference. */
  | 'node'
  /** A map of nodes, by names that mean nothing. */
  | 'names'
  /** A map of sets. */
  | 'sets'
  /** A list whose order means nothing, of literals. */
  | 'set'
  /** A list of nodes whose order means nothing, or a map of nodes: parameters. */
  | 'parameters'
  | 'security'
  /** A map of what is wanted of each security scheme. */
  | 'requirement'
  /** A list of literals, or a map of nodes. */
  | 'examples'
  /** A map of names or references. */
  | 'mapping'
  /** A value that means only itself. */
  | 'literal'

const keywords: ReadonlyMap<string, Nature> = new Map<string, Nature>([
  ...[
    [
      'paths',
      'webhooks',
      'pathItems',
      'responses',
      'requestBodies',
      'headers',
      'securitySchemes',
      'links',
      'callbacks',
    ],
    ['schemas', 'properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas', 'content', 'encoding'],
    ['variables', 'additionalOperations', 'mediaTypes'],
  ]
    .flat()
    .map((name): [string, Nature] => [name, 'names']),
  ...['tags', 'required', 'enum', 'type'].map((name): [string, Nature] => [name, 'set']),
  ...['example', 'default', 'const', 'value', 'scopes'].map((name): [string, Nature] => [name, 'literal']),
  ['dependentRequired', 'sets'],
  ['parameters', 'parameters'],
  ['security', 'security'],
  ['examples', 'examples'],
  ['mapping', 'mapping'],
])

/** What a member is. */
export function natureBelow(nature: Nature, name: string): Nature {
  switch (nature) {
    case 'node':
      return keywords.get(name) ?? (name.startsWith('x-') ? 'literal' : 'node')
    case 'names':
    case 'parameters':
    case 'examples':
      return 'node'
    case 'sets':
    case 'requirement':
      return 'set'
    case 'plain':
    case 'mapping':
      return nature
    case 'set':
    case 'security':
    case 'literal':
      return 'literal'
  }
}

/** What an item of a list is. */
export function natureWithin(nature: Nature): Nature {
  if (nature === 'parameters') return 'node'
  if (nature === 'security') return 'requirement'
  return nature === 'node' || nature === 'plain' ? nature : 'literal'
}

/** Whether the order of a list there means nothing. */
export function isSetByNature(nature: Nature): boolean {
  return nature === 'set' || nature === 'parameters' || nature === 'security'
}
