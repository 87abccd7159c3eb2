/** What a package says of a path. */
import { isUtf8 } from 'node:buffer'
import { parseJson } from '../../documents/json.ts'
import { fieldOf, isFields, type Fields, type Value } from '../../documents/value.ts'
import { ReplicationError } from '../../errors.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import { keyOf, type Definition } from './definitions.ts'
import { pathNameOf } from './paths.ts'
import { referenceOf, visited, type ComponentName } from './refs.ts'
import { sections, type ObjectName } from './shapes.ts'

export interface Given extends Definition {
  readonly path: ResourcePath
  /** As the document has it. */
  readonly name: string
}

/** Throws `invalid`, naming the path, for what is no definition, or refers to what does not come with it. */
export function givenBy(path: ResourcePath, bytes: Uint8Array): Given {
  try {
    const name = pathNameOf(path)
    if (name === undefined) throw invalid('no path of a service is called so')
    if (!isUtf8(bytes)) throw invalid('its content is not in UTF-8')
    const value = parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
    const [item, components] = [fieldOf(value, 'item'), fieldOf(value, 'components')]
    const known = isFields(value) ? Object.keys(value).filter((one) => one !== 'item' && one !== 'components') : ['']
    if (!isFields(item) || !isFields(components) || known.length > 0)
      throw invalid('it is no object of just an `item` and its `components`')
    const given = { path, name, item, components }
    checkReferences(given)
    return given
  } catch (error) {
    if (!(error instanceof ReplicationError)) throw error
    throw new ReplicationError(
      error.code,
      `${quote(path)} cannot be held as the definition of a path: ${error.message}`,
      {
        cause: error,
      },
    )
  }
}

/** With their keys. */
export function componentsOf(components: Fields): Map<string, ComponentName & { readonly content: Value }> {
  return new Map(
    Object.entries(components).flatMap(([section, named]) =>
      Object.entries(named as Fields).map(([name, content]) => [keyOf({ section, name }), { section, name, content }]),
    ),
  )
}

function checkReferences({ name: own, item, components }: Given): void {
  for (const [section, named] of Object.entries(components))
    if (!Object.hasOwn(sections, section) || !isFields(named))
      throw invalid(`its components have ${quote(section)}, which is no section of an OpenAPI document`)
  const all = componentsOf(components)
  const need = (key: string, text: string): void => {
    if (!all.has(key)) throw invalid(`${quote(text)} does not come with it`)
  }
  const visitor = (isItem: boolean): Parameters<typeof visited>[2] => {
    const ref = (text: string): string => {
      const to = referenceOf(text)
      if (to.to === 'component') need(keyOf(to), text)
      else if (to.to === 'elsewhere' || !isItem || to.tokens[0] !== 'paths' || to.tokens[1] !== own)
        throw invalid(`${quote(text)} leads out of it`)
      return text
    }
    const scheme = (name: string): string => {
      need(keyOf({ section: 'securitySchemes', name }), `security scheme ${name}`)
      return name
    }
    const mapping = (text: string): string => {
      if (text.startsWith('#') && !all.has(keyOf({ section: 'schemas', name: text }))) ref(text)
      return text
    }
    return { ref, scheme, mapping }
  }
  visited(item, 'pathItem', visitor(true))
  for (const { section, content } of all.values()) visited(content, sections[section] as ObjectName, visitor(false))
}

function invalid(why: string): ReplicationError {
  return new ReplicationError('invalid', why)
}
