import type { ErrorObject } from 'ajv/dist/2020.js'

/** What an ajv error says to a person; it follows the name of the thing: `/queue/limit must be at least 1`. */
export function messageOf(error: ErrorObject): string {
  const limit = (error.params as { limit?: number }).limit
  switch (error.keyword) {
    case 'type':
      return `must be ${article(error.params['type'])}${found(error.data)}`
    case 'enum':
      return `must be ${listed(error.params['allowedValues'] as unknown[])}${found(error.data)}`
    case 'const':
      return `must be ${JSON.stringify(error.params['allowedValue'])}${found(error.data)}`
    case 'minimum':
      return `must be at least ${limit}${found(error.data)}`
    case 'maximum':
      return `must be at most ${limit}${found(error.data)}`
    case 'exclusiveMinimum':
      return `must be more than ${limit}${found(error.data)}`
    case 'exclusiveMaximum':
      return `must be less than ${limit}${found(error.data)}`
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`
    case 'maxLength':
      return `must have at most ${limit} characters`
    case 'minItems':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} items`
    case 'maxItems':
      return `must have at most ${limit} items`
    case 'minProperties':
      return `must have at least ${limit} properties`
    case 'uniqueItems':
      return 'must not name the same twice'
    case 'pattern':
      return `must match ${String(error.params['pattern'])}${found(error.data)}`
    case 'format':
      return `must be a ${String(error.params['format'])}${found(error.data)}`
    case 'additionalProperties':
      return `is not known here${known(error.parentSchema)}`
    case 'anyOf':
      return union(error)
    default:
      return error.message ?? 'is not usable'
  }
}

/** Short values are shown, for whoever reads a log line; long ones and whole objects would hide the message. */
function found(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.length > 0 && text.length <= 60 && (typeof value !== 'object' || value === null) ? `, it is ${text}` : ''
}

function article(type: unknown): string {
  const names: Readonly<Record<string, string>> = {
    array: 'a list',
    boolean: 'true or false',
    integer: 'a whole number',
    null: 'null',
    number: 'a number',
    object: 'an object',
    string: 'a text',
  }
  return [type]
    .flat()
    .map((name) => names[String(name)] ?? String(name))
    .join(' or ')
}

function listed(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value))
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`
}

function known(schema: unknown): string {
  const names = Object.keys((schema as { properties?: object } | undefined)?.properties ?? {})
  return names.length === 0 ? '' : `; known are ${names.join(', ')}`
}

/** Alternatives say what they are by their `title`. */
function union(error: ErrorObject): string {
  const branches = ((error.parentSchema?.['anyOf'] ?? error.parentSchema?.['oneOf'] ?? []) as { title?: string }[]).map(
    ({ title }) => title,
  )
  return branches.length === 0 || branches.includes(undefined)
    ? 'is none of the alternatives'
    : `must be ${branches.join(', or ')}`
}
