import { hash } from 'node:crypto'
import { edited } from '../documents/edit.ts'
import { printJson } from '../documents/json.ts'
import type { Value } from '../documents/value.ts'
import type { ResourcePath } from '../resources/path.ts'
import { contentOf, isNamedDocument, mayBeDocument, type ReadContent, type StructuredFormat } from './content.ts'
import { withEdits, type Edit } from '../documents/edit.ts'
import { editsBetween } from './edits.ts'
import { mergedEdits, overwritten, rebased, type BaseValue } from './merge.ts'
import { brought, comparedOf, preservedOf, type Sides } from './parts.ts'
import { noRules, type PathRules, type Rules } from './rules.ts'

/** What is to be written of a resource, as far as it matters here. */
export interface Writing {
  readonly path: ResourcePath
  readonly write: 'nothing' | 'source' | 'parts' | 'delete'
  /** The larger of both sides, as far as it is known. */
  readonly size?: number | undefined
  readonly parts?: readonly (readonly [part: string, side: 'source' | 'target'])[]
}

/** The bytes of each side. */
export interface Contents {
  readonly source: Uint8Array
  readonly target: Uint8Array | undefined
  readonly base: Uint8Array | undefined
}

export interface Merged {
  /** What the target shall hold. */
  readonly bytes: Uint8Array
  /** What both sides have in common from then on, which may be nothing; undefined: that is not known. */
  readonly base: { readonly bytes?: Uint8Array } | undefined
  /** Digests of what the target owns, before and after: they are equal. Absent when it owns nothing. */
  readonly preserved?: { readonly before: string; readonly after: string }
}

type Document = Extract<ReadContent, { readonly value: Value }>

/** What is to be merged is held whole. */
export const maxDocumentBytes = 8 * 1024 * 1024

/**
 * Whether the source's bytes alone do not make it: something of the target stays. What is too large to be merged is bytes, unless its
 * name says that it is a document: of such a one the target might lose what it owns, so whoever reads it finds it `too-large`.
 */
export function needsMerge(
  { path, write, size = 0 }: Writing,
  rules: Rules,
  hint: 'openapi-path' | undefined,
): boolean {
  if (write === 'parts') return true
  if (write !== 'source' || rules.forPath(path) === noRules) return false
  if (size > maxDocumentBytes && !isNamedDocument(path)) return false
  return hint !== undefined || mayBeDocument(path)
}

/**
 * What becomes of a document of which not all is taken: the target's text, in which nothing changes that need not. Undefined for
 * what is no document on a side that has it: that is written whole.
 */
export function mergedContent(
  { path, write, parts }: Writing,
  { source, target, base }: Contents,
  rules: Rules,
  hint?: 'openapi-path',
): Merged | undefined {
  const ours = documentIn(path, source, hint)
  if (ours === undefined) return undefined
  const own = rules.forPath(path)
  if (target === undefined) return { bytes: without(ours, own), base: { bytes: source } }
  const theirs = documentIn(path, target, hint)
  if (theirs === undefined || theirs.format !== ours.format) return undefined
  const common = base && documentIn(path, base, hint)
  const sides: Sides<Value> = { source: ours.value, target: theirs.value, base: common?.value }
  const { format } = ours
  // Where nothing of it is the target's own, the source's text is what it becomes, to the letter.
  const isOwned = (rules: PathRules): boolean => preservedOf(theirs.value, rules, format) !== '{}'
  if (write === 'source' && !isOwned(own) && !isOwned({ ...own, preserved: own.ignored }))
    return { bytes: without(ours, own), base: { bytes: source } }
  const chosen = new Map(parts)
  const edits = write === 'parts' ? mergedEdits(sides, format, own, chosen) : overwritten(sides, format, own)
  const bytes = changed(theirs, edits)
  const after = documentIn(path, bytes, hint)?.value
  return {
    bytes,
    base: write === 'parts' ? baseOf(rebased(sides, format, own, common !== undefined, chosen)) : { bytes: source },
    ...proofOf(theirs.value, after, own, format),
  }
}

function baseOf(found: BaseValue): Merged['base'] {
  if (!found.known) return undefined
  return found.value === undefined ? {} : { bytes: Buffer.from(printJson(found.value)) }
}

function documentIn(path: ResourcePath, bytes: Uint8Array, hint: 'openapi-path' | undefined): Document | undefined {
  const found = contentOf(path, bytes, hint)
  return 'value' in found ? found : undefined
}

/** Of what comes to a target that does not have it yet: what would be the target's own does not come over. */
function without(document: Document, rules: PathRules): Uint8Array {
  const { value, format } = document
  const whole = comparedOf(value, format)
  const at = format === 'openapi-path' ? ['item'] : []
  return changed(document, editsBetween(whole, brought(whole, {}, rules), at))
}

/** Documents as endpoints write them are written so again; in what people wrote nothing else is touched. */
function changed({ value, text, syntax }: Document, edits: readonly Edit[]): Uint8Array {
  if (edits.length === 0) return Buffer.from(text)
  const plain = printJson(value)
  if (text.trimEnd() === plain) return Buffer.from(printJson(withEdits(value, edits)) + text.slice(plain.length))
  return Buffer.from(edited(text, syntax, edits))
}

function proofOf(
  before: Value,
  after: Value | undefined,
  rules: PathRules,
  format: StructuredFormat,
): Pick<Merged, 'preserved'> {
  const [was, is] = [preservedOf(before, rules, format), preservedOf(after, rules, format)]
  const isNone = was === '{}' && is === '{}'
  return isNone ? {} : { preserved: { before: hash('sha256', was), after: hash('sha256', is) } }
}
