/** As much of JSON Schema as configs are described in. */
export interface Schema {
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'array' | 'object'
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly additionalProperties?: boolean | Schema
  readonly items?: Schema
  readonly uniqueItems?: boolean
  readonly writeOnly?: boolean
  readonly pattern?: string
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

export type Members = Readonly<Record<string, unknown>>

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The values, where it is one of a few. */
export function choicesOf(schema: Schema): readonly unknown[] | undefined {
  if (schema.enum !== undefined) return schema.enum
  const all = schema.anyOf ?? schema.oneOf
  return all?.every((one) => 'const' in one) === true ? all.map((one) => one.const) : undefined
}

/** The schemas, where it is one of several that look different. */
export function variantsOf(schema: Schema): readonly Schema[] | undefined {
  return choicesOf(schema) === undefined ? (schema.anyOf ?? schema.oneOf) : undefined
}

/** What values of every name look like, where the names are free. */
export function recordOf(schema: Schema): Schema | undefined {
  return isObject(schema.additionalProperties) ? schema.additionalProperties : undefined
}

export function isComposite(schema: Schema): boolean {
  const variants = variantsOf(schema)
  if (variants !== undefined) return !variants.every(isSmall)
  return schema.type === 'object' || (schema.type === 'array' && !isSet(schema))
}

/** Some of a few values. */
export function isSet(schema: Schema): boolean {
  return schema.uniqueItems === true && schema.items !== undefined && choicesOf(schema.items) !== undefined
}

/** Fits into a line: a secret, which is a text, or the name of a place where it is. */
function isSmall(schema: Schema): boolean {
  if (schema.type !== 'object') return !isComposite(schema)
  const members = Object.values(schema.properties ?? {})
  return recordOf(schema) === undefined && members.length === 1 && members.every((member) => !isComposite(member))
}

/** The member by whose value the variants are told apart, such as `kind`. */
export function tagOf(variants: readonly Schema[]): string | undefined {
  const [first, ...others] = variants
  const found = Object.entries(first?.properties ?? {}).find(
    ([name, schema]) => 'const' in schema && others.every(({ properties }) => 'const' in (properties?.[name] ?? {})),
  )
  return variants.length > 1 ? found?.[0] : undefined
}

/** Which of the variants the value is meant to be. */
export function variantOf(variants: readonly Schema[], value: unknown): Schema | undefined {
  if (value === undefined) return undefined
  const fits = variants.map((schema) => fit(schema, value))
  const best = Math.max(...fits)
  return best > 0 ? variants[fits.indexOf(best)] : undefined
}

/** 0: not at all. */
function fit(schema: Schema, value: unknown): number {
  if ('const' in schema) return schema.const === value ? 9 : 0
  const choices = choicesOf(schema)
  if (choices !== undefined) return choices.includes(value) ? 9 : 0
  if (schema.type !== 'object') return typeOf(value) === (schema.type === 'integer' ? 'number' : schema.type) ? 1 : 0
  if (!isObject(value)) return 0
  const members = Object.entries(schema.properties ?? {})
  if (members.some(([name, member]) => 'const' in member && member.const !== value[name])) return 0
  const known = Object.keys(value).filter((name) => name in (schema.properties ?? {}))
  return 1 + (known.length === Object.keys(value).length ? 1 : 0) + known.length
}

function typeOf(value: unknown): string {
  return Array.isArray(value) ? 'array' : typeof value
}

export function labelOf(schema: Schema, tag: string | undefined): string {
  const members = Object.entries(schema.properties ?? {})
  if (tag !== undefined) {
    const value = String(schema.properties?.[tag]?.const)
    // What is no more than the value written out says nothing.
    return schema.title === undefined || schema.title.startsWith('{') ? value : `${value}: ${schema.title}`
  }
  if ('const' in schema) return String(schema.const)
  if (isKept(schema)) return 'as it is stored'
  if (members.length > 0 && schema.title?.startsWith('{') !== false) return members.map(([name]) => name).join(', ')
  return schema.title ?? schema.type ?? ''
}

/** What stands for a secret that is stored: nothing is to be filled in. */
export function isKept(schema: Schema): boolean {
  const members = Object.values(schema.properties ?? {})
  return members.length > 0 && members.every((member) => 'const' in member)
}

/** A value to begin with; of `before` what has a place in it. */
export function blankOf(schema: Schema, before?: unknown): unknown {
  if ('const' in schema) return schema.const
  if (schema.default !== undefined && schema.type !== 'object') return structuredClone(schema.default)
  const variants = variantsOf(schema)
  if (variants !== undefined) return tagOf(variants) === undefined && variants[0] ? blankOf(variants[0]) : {}
  if (schema.type === 'array') return []
  if (schema.type !== 'object') return schema.type === 'string' ? '' : undefined
  const made: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    const known = isObject(before) ? before[name] : undefined
    if ('const' in member) made[name] = member.const
    else if (known !== undefined) made[name] = known
    // By the one name that it has it is known for what it is; else what is empty is absent, and said to be required.
    else if (schema.required?.includes(name) && (member.type !== 'string' || isSmall(schema)))
      made[name] = blankOf(member)
  }
  return made
}

/** Whether nothing is said by the value that is not meant anyway. */
export function isDefault(schema: Schema, value: unknown): boolean {
  if (value === undefined) return true
  if (schema.type === 'object' && isObject(value) && isObject(schema.default))
    return Object.entries(value).every(([name, one]) => isDefault(schema.properties?.[name] ?? {}, one))
  return JSON.stringify(value) === JSON.stringify(schema.default)
}

const longest = 90

/** The value in a line, for what is folded away. */
export function summaryOf(schema: Schema, value: unknown): string {
  if (isDefault(schema, value) && schema.default !== undefined)
    return Array.isArray(schema.default) && schema.default.length === 0 ? 'none' : 'as by default'
  const text = short(value, schema)
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

function short(value: unknown, schema: Schema): string {
  if (value === undefined) return 'not set'
  if (Array.isArray(value)) {
    const names = value.slice(0, 8).map((one: unknown) => nameOf(one))
    return value.length === 0 ? 'none' : `${value.length}: ${names.join(', ')}${value.length > 8 ? ', …' : ''}`
  }
  if (!isObject(value)) return String(value)
  const own = variantsOf(schema)
  const members = (own && variantOf(own, value))?.properties ?? schema.properties ?? {}
  return (
    Object.entries(value)
      // It is the label already.
      .filter(([name, one]) => name !== 'name' && !isDefault(members[name] ?? {}, one))
      .map(([name, one]) => ('const' in (members[name] ?? {}) ? String(one) : `${name} ${nameOf(one)}`))
      .join(' · ')
  )
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(nameOf).join(' ')
  if (!isObject(value)) return String(value)
  if ('secret' in value) return 'set'
  const texts = Object.values(value).filter((one) => typeof one === 'string')
  return String(value['name'] ?? texts.slice(0, 2).join(' '))
}
