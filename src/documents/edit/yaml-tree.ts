import { parseDocument } from 'yaml'
import type { Value } from '../value.ts'
import { printYaml } from '../yaml.ts'
import type { Edit } from './changes.ts'

/** Every scalar is the text that it is written as, so that numbers and dates stay just that. */
const asWritten = { schema: 'failsafe', uniqueKeys: false, keepSourceTokens: false } as const

/** The text after these edits, printed from the tree of its nodes: comments stay, spaces and line ends may not. */
export function editedTree(text: string, edits: readonly Edit[]): string {
  const document = parseDocument(text, asWritten)
  for (const { at, value } of edits)
    if (value === undefined) document.deleteIn(at)
    else document.setIn(at, nodeOf(value))
  return document.toString({ lineWidth: 0 })
}

function nodeOf(value: Value): unknown {
  return parseDocument(printYaml(value), asWritten).contents
}
