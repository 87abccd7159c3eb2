import {
  CORE_SCHEMA,
  DEFAULT_SCALAR_STYLE_RULES,
  defineScalarTag,
  dump,
  DUMP_SCHEMA,
  load,
  mapTag,
  mergeTag,
  NOT_RESOLVED,
  SCALAR_STYLE,
  type ScalarStyleRule,
  type Schema,
} from 'js-yaml'
import { ReplicationError } from '../errors.ts'
import { compareNames, printJson } from './json.ts'
import { checkExtent, isFields, isNumber, numberOf, textOf, type Value } from './value.ts'

/*
 * YAML 1.2 as far as JSON goes: a date is a string, as it was written, and so is `yes`. What we write quotes every string that
 * any reader, of YAML 1.1 too, would take for something else.
 */
const decimal = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/
const otherBase = /^[-+]?0(?:o[0-7]+|x[0-9a-fA-F]+)$/
const firstChars = ['-', '+', '.', ...'0123456789']

function numberIn(source: string): Value | typeof NOT_RESOLVED {
  if (otherBase.test(source)) {
    const sum = BigInt(source.replace(/^[-+]/, ''))
    return numberOf(String(source.startsWith('-') ? -sum : sum))
  }
  if (!decimal.test(source)) return NOT_RESOLVED
  const [, sign = '', whole = '', fraction = '', exponent = ''] =
    /^([-+]?)0*(\d*)(?:\.(\d*))?([eE].*)?$/.exec(source) ?? []
  const written = `${sign === '-' ? '-' : ''}${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`
  return numberOf(`${written}${exponent}`)
}

/** Both of YAML's kinds of numbers; the infinite ones and what is none are not among those that documents can hold. */
const numbers = ['int', 'float'].map((kind) =>
  defineScalarTag<Value>(`tag:yaml.org,2002:${kind}`, {
    implicit: true,
    implicitFirstChars: firstChars,
    resolve: (source) => {
      if (/^(?:[-+]?\.inf|\.nan)$/i.test(source))
        throw new ReplicationError('invalid', `${source} is a number that JSON cannot hold`)
      return numberIn(source)
    },
    identify: (value: Value) => isNumber(value) && kind === kindOf(value.value),
    represent: (value: { readonly value: string }) => value.value,
  }),
)

/** As YAML names it: 1e5 without a point is a string to readers of YAML 1.1, and stays a number to those of 1.2. */
function kindOf(lexeme: string): string {
  return /^-?\d+$/.test(lexeme) ? 'int' : 'float'
}

/** A name that is a number, written so, is that text. */
const fields = {
  ...mapTag,
  addPair: (container: unknown, key: unknown, value: unknown) =>
    mapTag.addPair(container as never, isNumber(key as Value) ? textOf(key as Value) : key, value),
  has: (container: unknown, key: unknown) =>
    mapTag.has(container as never, isNumber(key as Value) ? textOf(key as Value) : key),
} as typeof mapTag

/** What people merge with `<<` is merged, as readers of YAML 1.1 do. */
const reading: Schema = CORE_SCHEMA.withTags(numbers, fields, mergeTag)

/** Our numbers are written as they are; what looks like any number to anybody is quoted, so those tags come first. */
const writing: Schema = DUMP_SCHEMA.withTags(
  ['int', 'float'].map((kind, i) => {
    const known = DUMP_SCHEMA.tags.find(({ tagName }) => tagName === `tag:yaml.org,2002:${kind}`)
    return { ...known, ...numbers[i], resolve: resolveAs(known) } as (typeof numbers)[number]
  }),
)

function resolveAs(tag: unknown): (typeof numbers)[number]['resolve'] {
  return (tag as (typeof numbers)[number]).resolve
}

/** At the beginning of a line these would end the document. */
const quoteMarkers: ScalarStyleRule = (layout) => {
  if (layout.style === SCALAR_STYLE.PLAIN && /^(?:---|\.\.\.)(?:\s|$)/.test(layout.node.value))
    layout.style = SCALAR_STYLE.DOUBLE_QUOTED
}
const styles = [quoteMarkers, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)]

/** Nothing but comments, and at most the marks of a document. */
const empty = /^\ufeff?(?:(?:---|\.\.\.)?[ \t]*(?:#[^\n]*)?(?:\r?\n|$))*$/

/** Reads one document of YAML, and so of JSON. Undefined where there is nothing but comments. Throws `invalid`. */
export function parseYaml(text: string): Value | undefined {
  if (empty.test(text)) return undefined
  let value: unknown
  try {
    value = load(text, { schema: reading })
  } catch (error) {
    if (error instanceof ReplicationError) throw error
    if (error instanceof RangeError) throw new ReplicationError('invalid', 'the document is nested too deeply')
    throw new ReplicationError('invalid', `this is no YAML: ${(error as Error).message.split('\n', 1)[0]}`, {
      cause: error,
    })
  }
  checkExtent(value as Value)
  return value as Value
}

/**
 * Block style, names sorted, an indent of two, no anchors; without the `---` that goes between documents. A document with a
 * text of megabytes, which js-yaml cannot take apart without an overflow, is written as JSON, which is YAML too.
 */
export function printYaml(value: Value): string {
  try {
    return dump(sorted(value), { schema: writing, noRefs: true, lineWidth: -1, scalarStyleRules: styles })
  } catch (error) {
    if (error instanceof RangeError) return `${printJson(value)}\n`
    throw error
  }
}

/** The same between brackets, on one line. */
export function printFlowYaml(value: Value): string {
  try {
    const options = { schema: writing, noRefs: true, lineWidth: -1, scalarStyleRules: styles, flowLevel: 0 }
    return dump(sorted(value), options).replace(/\n$/, '')
  } catch (error) {
    if (error instanceof RangeError) return printJson(value)
    throw error
  }
}

function sorted(value: Value): Value {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isFields(value)) return value
  const members = Object.entries(value).toSorted(([one], [other]) => compareNames(one, other))
  return Object.fromEntries(members.map(([name, member]) => [name, sorted(member)]))
}
