/** The YAML of documents that hold nothing unusual, as js-yaml would write it, at a tenth of its cost. */
import { sortedNames } from './json.ts'
import { isFields, isNumber, type Value } from './value.ts'

const maxDepth = 100
const maxNameLength = 100

/** Plain to any reader, wherever it stands, unless it is one of the words. */
const plain = /^[A-Za-z_/](?:[\w./+\-?&=%~;()#]|[:,](?=[\w./])|,? (?=[\w/(.+-]))*$/
const words = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i
const whole = /^(?:0|[1-9]\d{0,14})$/
const few = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,15})?$/
const moment = /^\d{4}-(?:0[1-9]|1[0-2])-(?:[01][1-9]|10|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,3})?Z$/

/** Undefined for what is to be written with more care. */
export function printPlainYaml(value: Value): string | undefined {
  if (!isFields(value) || isEmpty(value)) return undefined
  return mapping(value, 0, true)
}

/** `isBegun`: its first line has its indent already. */
function mapping(value: Value, indent: number, isBegun: boolean): string | undefined {
  if (indent > maxDepth) return undefined
  const fields = value as Readonly<Record<string, Value>>
  let text = ''
  for (const name of sortedNames(fields)) {
    // Of names that are numbers an object has an order of its own, which is kept.
    const key = name.length <= maxNameLength && !/^\d/.test(name) ? scalar(name) : undefined
    const member = fields[name] as Value
    const inner = isNested(member) ? nested(member, indent + 2, false) : scalar(member)
    if (key === undefined || inner === undefined) return undefined
    text += `${text === '' && isBegun ? '' : ' '.repeat(indent)}${key}:${isNested(member) ? '\n' : ' '}${inner}`
    if (!isNested(member)) text += '\n'
  }
  return text
}

function list(items: readonly Value[], indent: number, isBegun: boolean): string | undefined {
  if (indent > maxDepth) return undefined
  let text = ''
  for (const item of items) {
    const inner = isNested(item) ? nested(item, indent + 2, true) : scalar(item)
    if (inner === undefined) return undefined
    text += `${text === '' && isBegun ? '' : ' '.repeat(indent)}- ${inner}`
    if (!isNested(item)) text += '\n'
  }
  return text
}

function nested(value: Value, indent: number, isBegun: boolean): string | undefined {
  return Array.isArray(value) ? list(value as readonly Value[], indent, isBegun) : mapping(value, indent, isBegun)
}

function isNested(value: Value): boolean {
  return Array.isArray(value) ? value.length > 0 : isFields(value) && !isEmpty(value)
}

function isEmpty(fields: object): boolean {
  for (const _ in fields) return false
  return true
}

function scalar(value: Value): string | undefined {
  if (typeof value === 'string') {
    if (plain.test(value) && (value.length > 5 || !words.test(value))) return value
    if (value === '' || whole.test(value) || moment.test(value)) return `'${value}'`
    return undefined
  }
  if (isNumber(value)) return few.test(value.value) ? value.value : undefined
  if (Array.isArray(value)) return '[]'
  return typeof value === 'object' && value !== null ? '{}' : String(value)
}
