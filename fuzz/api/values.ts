/** Values for JSON schemas: those that fit, as far as that is to be had by trying, and those that nearly do. */
import type { Draw } from './draw.ts'

export interface Schema {
  readonly $ref?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly type?: string | readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly allOf?: readonly Schema[]
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly items?: Schema
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly format?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

/** What texts are drawn from: what the server has told before, and what is worth trying. */
export interface Words {
  readonly known: readonly string[]
}

const plausible = [
  ...['a', 'mine', 'default', 'memory', 'add', '/content', '/content/a', '/content/**', '/', '/id', '5', '1.0.0', '60'],
  ...[
    '2026-01-01T00:00:00Z',
    'https://example.com',
    'PT1H',
    '*/5 * * * *',
    'succeeded',
    'text',
    `sha256-${'0'.repeat(64)}`,
  ],
]

/** Texts that have broken somebody, each by its class. */
export const hostile: readonly string[] = [
  ...['', ' ', '\0', '__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', 'null', 'undefined', 'NaN'],
  ...['../../etc/passwd', '..', '.', '//', '/..', '/content/../x', '%2e%2e%2f', '%00', '%', '\\', 'C:\\', '/\u202e/x'],
  ...['ａｄｍｉｎ', 'İ', 'ß', '\u0000', '\ud800', 'e\u0301', '\u200b', '😀'.repeat(300), '/'.repeat(3000)],
  ...['*'.repeat(500), '/**'.repeat(300), `${'a*'.repeat(400)}b`, '(a+)+$', '['.repeat(1000), '{"a":'.repeat(500)],
  ...["' OR 1=1 --", '<script>alert(1)</script>', '${7*7}', '{{7*7}}', '\r\nX-Evil: 1', '$(id)', '`id`', '\u2028'],
  ...['1e999', '-1', '0', '9007199254740993', '99999999999999999999', '0x10', '1_000', '+1', '1.5', 'true', '-0'],
  ...['9999-12-31T23:59:59Z', '0000-00-00T00:00:00Z', '2026-02-30T00:00:00Z', 'x'.repeat(6000), 'a,b,,c', 'a;b=c'],
]

const odd: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, -0, 2 ** 60, '', 'x', [], {}, [[]], [null]],
  ...[
    { __proto__: null, constructor: { prototype: { polluted: true } } },
    JSON.parse('{"__proto__":{"polluted":true}}'),
  ],
  ...[
    { id: 'x', revision: 1, createdAt: 'x', actor: 'x', rights: [], caller: {} },
    Array.from({ length: 2000 }, () => 'x'),
  ],
]

export class Values {
  readonly #draw: Draw
  readonly #words: Words
  readonly #document: unknown

  constructor(draw: Draw, words: Words, document: unknown) {
    this.#draw = draw
    this.#words = words
    this.#document = document
  }

  /** One that fits, or, as often as `wild` says at each of its places, one that may not. */
  of(schema: Schema, wild: number, depth = 0): unknown {
    if (this.#draw.chance(wild)) return this.#draw.chance(0.5) ? this.#draw.one(odd) : this.text(1)
    if (schema.$ref !== undefined) return this.of(this.#resolved(schema.$ref), wild, depth)
    if (schema.const !== undefined) return schema.const
    if (schema.enum !== undefined && schema.enum.length > 0) return this.#draw.one(schema.enum)
    const choices = schema.anyOf ?? schema.oneOf
    if (choices !== undefined && choices.length > 0) return this.of(this.#draw.one(choices), wild, depth)
    if (schema.allOf !== undefined)
      return Object.assign({}, ...schema.allOf.map((part) => this.of(part, wild, depth))) as unknown
    const type = typeof schema.type === 'string' ? schema.type : this.#draw.one(schema.type ?? ['object', 'string'])
    switch (type) {
      case 'object':
        return this.#object(schema, wild, depth)
      case 'array':
        return this.#array(schema, wild, depth)
      case 'integer':
      case 'number':
        return this.#number(schema)
      case 'boolean':
        return this.#draw.chance(0.5)
      case 'null':
        return null
      default:
        return this.#fitting(schema)
    }
  }

  /** One of the texts that the server has told before. */
  known(form: RegExp): string | undefined {
    const found = this.#words.known.filter((text) => form.test(text))
    return found.length > 0 && this.#draw.chance(0.9) ? this.#draw.one(found) : undefined
  }

  /** Any text; hostile as often as `wild` says. */
  text(wild: number): string {
    if (this.#draw.chance(wild)) return this.#draw.one(hostile)
    return this.#draw.one(this.#draw.chance(0.6) && this.#words.known.length > 0 ? this.#words.known : plausible)
  }

  #object({ properties = {}, required = [] }: Schema, wild: number, depth: number): object {
    const entries: [string, unknown][] = []
    for (const [name, schema] of Object.entries(properties)) {
      const wanted = required.includes(name) ? !this.#draw.chance(wild / 4) : depth < 4 && this.#draw.chance(0.3)
      if (wanted) entries.push([name, this.of(schema, wild, depth + 1)])
    }
    if (this.#draw.chance(wild)) entries.push([this.text(0.8), this.#draw.one(odd)])
    return Object.fromEntries(entries)
  }

  #array({ items = {}, minItems = 0, maxItems = 3 }: Schema, wild: number, depth: number): unknown[] {
    const most = depth > 5 ? minItems : Math.min(maxItems, Math.max(minItems, 3))
    const length = minItems + this.#draw.below(most - minItems + 1)
    return Array.from({ length }, () => this.of(items, wild, depth + 1))
  }

  #number({ type, minimum = 0, maximum = 1000 }: Schema): number {
    if (this.#draw.chance(0.2)) return this.#draw.one([minimum, maximum, minimum - 1, maximum + 1])
    const found = minimum + this.#draw.next() * (Math.min(maximum, minimum + 1000) - minimum)
    return type === 'integer' ? Math.round(found) : found
  }

  #fitting({ pattern, minLength = 0, maxLength = Infinity, format }: Schema): string {
    const form = pattern === undefined ? undefined : new RegExp(pattern)
    for (let tries = 0; tries < 20; tries++) {
      const text = format === 'date-time' ? '2026-01-01T00:00:00Z' : this.text(0)
      if (text.length >= minLength && text.length <= maxLength && form?.test(text) !== false) return text
    }
    return 'a'.repeat(Math.max(1, minLength))
  }

  #resolved(ref: string): Schema {
    let found = this.#document as Record<string, unknown>
    for (const step of ref.replace(/^#\//, '').split('/'))
      found = (found[decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')] ?? {}) as typeof found
    return found as Schema
  }
}
