/**
 * Edits of texts that people wrote: what no edit touches stays as it is, byte for byte. Whatever comes out has been read
 * again, and says what it should; where the places of values do not suffice for that, more of the text is written anew.
 */
import { ReplicationError } from '../errors.ts'
import { sameValue, touchedBy, withEdits, type Edit } from './edit/changes.ts'
import { jsonSplices, printIndented } from './edit/json.ts'
import { eolOf, spliced } from './edit/splices.ts'
import { editedTree } from './edit/yaml-tree.ts'
import { yamlEdited } from './edit/yaml.ts'
import { parseJson } from './json.ts'
import type { Value } from './value.ts'
import { parseYaml, printYaml } from './yaml.ts'

export { withEdits, type Edit } from './edit/changes.ts'

const bom = '\ufeff'

/**
 * The text after these edits, one after the other: as `withMember` and `withoutMember` (pointers.ts) change its value. New
 * members go to the end of their object. A text with nothing in it counts as an object. Throws `invalid` for a text that
 * cannot be read. `known`: what the text says, for whoever has read it already.
 */
export function edited(text: string, format: 'json' | 'yaml', edits: readonly Edit[], known?: Value): string {
  return text.startsWith(bom)
    ? bom + editedPlain(text.slice(1), format, edits, known)
    : editedPlain(text, format, edits, known)
}

function editedPlain(text: string, format: 'json' | 'yaml', edits: readonly Edit[], known: Value | undefined): string {
  const parse = format === 'yaml' ? parseYaml : parseJson
  const found = known ?? (format === 'json' && text.trim() === '' ? undefined : parse(text))
  const before = found ?? (found === null ? null : {})
  const after = withEdits(before, edits)
  if (sameValue(before, after)) return text
  const print = format === 'yaml' ? printYaml : printIndented
  if (found === undefined) {
    // Comments may be all that there is.
    if (text.trim() === '') return print(after)
    const added = `${text}${text.endsWith('\n') ? '' : eolOf(text)}${print(after)}`
    return says(added, after, parse) ? added : print(after)
  }
  const touched = touchedBy(edits)
  const ways: (() => string)[] = [
    ...(format === 'json' || /^\s*[{[]/.test(text)
      ? [() => spliced(text, jsonSplices(text, before, after, touched))]
      : []),
    ...(format === 'yaml' ? [() => yamlEdited(text, { before, after, touched }), () => editedTree(text, edits)] : []),
  ]
  for (const way of ways) {
    const result = attempted(way)
    if (result !== undefined && says(result, after, parse)) return result
  }
  return print(after)
}

/** A text that one way cannot edit goes the next, and in the end is written whole. */
function attempted(way: () => string): string | undefined {
  try {
    return way()
  } catch {
    return undefined
  }
}

function says(text: string, value: Value, parse: (text: string) => Value | undefined): boolean {
  try {
    return sameValue(parse(text), value)
  } catch (error) {
    if (error instanceof ReplicationError) return false
    throw error
  }
}
