/** What of a schema's changes breaks those who rely on it. */
import { isFields } from '../../../documents/value.ts'
import { followed, isTrue, listIn, namesIn, numberIn, part, printed, textIn, type Said } from './said.ts'

/** Who fills in what the schema describes: the client, or the service. */
export type Direction = 'request' | 'response'

export type Tell = (why: string) => void

interface Pair {
  readonly before: Said
  readonly after: Said
}

/** Tells each of them, with `where` before it. */
export function compareSchemas(pair: Pair, direction: Direction, where: string, tell: Tell): void {
  new Comparison(direction, tell).compare(pair, where)
}

const anything = ['array', 'boolean', 'null', 'number', 'object', 'string']
const upper = ['maxLength', 'maximum', 'exclusiveMaximum', 'maxItems', 'maxProperties']
const lower = ['minLength', 'minimum', 'exclusiveMinimum', 'minItems', 'minProperties']

class Comparison {
  readonly #direction: Direction
  readonly #tell: Tell
  /** Pairs that were come to: schemas may hold themselves. */
  readonly #seen = new Map<unknown, Set<unknown>>()

  constructor(direction: Direction, tell: Tell) {
    this.#direction = direction
    this.#tell = tell
  }

  compare(pair: Pair, where: string): void {
    const [before, after] = [followed(pair.before), followed(pair.after)]
    if (before.value === undefined || after.value === undefined || before.value === after.value) return
    const known = this.#seen.get(before.value) ?? new Set()
    this.#seen.set(before.value, known)
    if (known.has(after.value)) return
    known.add(after.value)
    this.#types(before, after, where)
    this.#values(before, after, where)
    this.#limits(before, after, where)
    this.#properties(before, after, where)
    this.#alternatives(before, after, where)
    this.compare({ before: part(before, 'items'), after: part(after, 'items') }, `${where}/*`)
    const [more, then] = [part(before, 'additionalProperties'), part(after, 'additionalProperties')]
    if (isFields(more.value) && isFields(then.value)) this.compare({ before: more, after: then }, `${where}/*`)
  }

  #types(before: Said, after: Said, where: string): void {
    const [olds, news] = [typesOf(before), typesOf(after)]
    const [wide, narrow] = this.#direction === 'request' ? [news, olds] : [olds, news]
    const isWithin = narrow.every((type) => wide.includes(type) || (type === 'integer' && wide.includes('number')))
    if (!isWithin) this.#tell(`${where}: the type was ${shown(olds)} and is ${shown(news)}`)
    const [format, next] = [textIn(part(before, 'format')), textIn(part(after, 'format'))]
    if (isWithin && next !== undefined && format !== undefined && format !== next)
      this.#tell(`${where}: the format was ${format} and is ${next}`)
  }

  #values(before: Said, after: Said, where: string): void {
    const [olds, news] = [valuesOf(before), valuesOf(after)]
    if (this.#direction === 'request') {
      if (news === undefined) return
      if (olds === undefined) return this.#tell(`${where}: only ${[...news].join(', ')} is admitted now`)
      for (const value of olds) if (!news.has(value)) this.#tell(`${where}: ${value} is not admitted any more`)
    } else if (olds !== undefined) {
      if (news === undefined) return this.#tell(`${where}: any value may come now`)
      for (const value of news) if (!olds.has(value)) this.#tell(`${where}: ${value} may come now`)
    }
  }

  /** What a client sends must keep within them. */
  #limits(before: Said, after: Said, where: string): void {
    if (this.#direction !== 'request') return
    for (const name of [...upper, ...lower]) {
      const [old, next] = [numberIn(part(before, name)), numberIn(part(after, name))]
      if (next === undefined) continue
      const isTighter = old === undefined || (upper.includes(name) ? next < old : next > old)
      if (isTighter) this.#tell(`${where}: ${name} was ${old ?? 'not set'} and is ${next}`)
    }
    const [old, next] = [textIn(part(before, 'pattern')), textIn(part(after, 'pattern'))]
    if (next !== undefined && next !== old) this.#tell(`${where}: the pattern was ${old ?? 'not set'} and is ${next}`)
  }

  #properties(before: Said, after: Said, where: string): void {
    const [olds, news] = [propertiesOf(before), propertiesOf(after)]
    const [must, shall] = [requiredOf(before), requiredOf(after)]
    const isRequest = this.#direction === 'request'
    const hidden = isRequest ? 'readOnly' : 'writeOnly'
    for (const [name, next] of news) {
      const old = olds.get(name)
      if (isTrue(part(next, hidden))) continue
      if (isRequest && shall.has(name) && !must.has(name))
        this.#tell(`${where}/${name}: ${old === undefined ? 'a new property is required' : 'it is required now'}`)
      if (old !== undefined) this.compare({ before: old, after: next }, `${where}/${name}`)
    }
    // A name can be required that no property describes.
    for (const name of shall)
      if (isRequest && !must.has(name) && !news.has(name)) this.#tell(`${where}/${name}: it is required now`)
    for (const [name, old] of olds) {
      if (isTrue(part(old, hidden))) continue
      const isGone = !news.has(name)
      if (isRequest && isGone && part(after, 'additionalProperties').value === false)
        this.#tell(`${where}/${name}: it is not admitted any more`)
      if (isRequest) continue
      if (isGone) this.#tell(`${where}/${name}: it does not come any more`)
      else if (must.has(name) && !shall.has(name)) this.#tell(`${where}/${name}: it may be absent now`)
    }
  }

  #alternatives(before: Said, after: Said, where: string): void {
    for (const name of ['oneOf', 'anyOf']) {
      const [olds, news] = [alternativesIn(before, name), alternativesIn(after, name)]
      if (olds.size === 0 || news.size === 0) continue
      for (const [label, old] of olds) {
        const next = news.get(label)
        if (next !== undefined) this.compare({ before: old, after: next }, where)
        else if (this.#direction === 'request') this.#tell(`${where}: ${label} is not admitted any more`)
      }
      if (this.#direction === 'response')
        for (const label of news.keys()) if (!olds.has(label)) this.#tell(`${where}: ${label} may come now`)
    }
  }
}

/** Of a schema and all that it is made of. */
function allOf(schema: Said, seen = new Set<unknown>()): Said[] {
  const own = followed(schema)
  if (seen.has(own.value)) return []
  seen.add(own.value)
  return [own, ...listIn(part(own, 'allOf')).flatMap((one) => allOf(one, seen))]
}

function typesOf(schema: Said): readonly string[] {
  let types = anything
  for (const one of allOf(schema)) {
    const type = part(one, 'type')
    const own = Array.isArray(type.value) ? listIn(type).map((item) => textIn(item) ?? '') : [textIn(type) ?? '']
    const named = own.filter((name) => name !== '')
    if (named.length > 0) types = isTrue(part(one, 'nullable')) ? [...named, 'null'] : named
  }
  return types
}

function shown(types: readonly string[]): string {
  return types === anything ? 'anything' : types.join(' or ')
}

function valuesOf(schema: Said): ReadonlySet<string> | undefined {
  for (const one of allOf(schema)) {
    const [value, values] = [part(one, 'const'), part(one, 'enum')]
    if (value.value !== undefined) return new Set([printed(value) ?? ''])
    if (Array.isArray(values.value)) return new Set(listIn(values).map((item) => printed(item) ?? ''))
  }
  return undefined
}

function propertiesOf(schema: Said): ReadonlyMap<string, Said> {
  return new Map(
    allOf(schema).flatMap((one) => {
      const properties = part(one, 'properties')
      return namesIn(properties).map((name): [string, Said] => [name, part(properties, name)])
    }),
  )
}

function requiredOf(schema: Said): ReadonlySet<string> {
  return new Set(allOf(schema).flatMap((one) => listIn(part(one, 'required')).map((name) => textIn(name) ?? '')))
}

/** By what they refer to, or by what tells them apart. */
function alternativesIn({ content, value }: Said, name: string): ReadonlyMap<string, Said> {
  const list = part({ content, value }, name).value
  const items = Array.isArray(list) ? list : []
  return new Map(
    items.map((item, i): [string, Said] => {
      const said = { content, value: item as Said['value'] }
      const ref = isFields(item) ? item['$ref'] : undefined
      const label = typeof ref === 'string' ? ref : (textIn(part(said, 'title')) ?? `alternative ${i + 1}`)
      return [label, said]
    }),
  )
}
