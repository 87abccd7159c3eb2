/** What the references of a path of an OpenAPI document lead to: contents of `{ "components": {…}, "item": {…} }`. */
import { createHash } from 'node:crypto'
import { levelsOf, type Dependent } from '../documents/levels.ts'
import { tokensOf } from '../documents/pointers.ts'
import { fieldOf, isFields, type Value } from '../documents/value.ts'
import { canonical, referencesIn } from './canonical.ts'
import { natureBelow, natureWithin, type Nature } from './natures.ts'
import { noRules } from './rules.ts'

/** What a reference leads to. */
export interface Led {
  /** The same for the same place, however the reference is written. */
  readonly tokens: readonly string[]
  readonly value: Value
  readonly nature: Nature
}

/** Undefined for one that does not lead to a component of this content. A bare name, as in mappings, is that of a schema. */
export function ledTo(content: Value | undefined, reference: string): Led | undefined {
  const tokens = reference.startsWith('#/')
    ? tokensOf(decoded(reference.slice(1)))
    : ['components', 'schemas', reference]
  if (tokens[0] !== 'components' || tokens.length < 3) return undefined
  let value = content
  let nature: Nature = 'node'
  for (const token of tokens) {
    if (Array.isArray(value)) {
      value = (value as readonly Value[])[Number(token)]
      nature = natureWithin(nature)
    } else {
      value = fieldOf(value, token)
      nature = natureBelow(nature, token)
    }
    if (value === undefined) return undefined
  }
  return { tokens, value: value as Value, nature }
}

function decoded(fragment: string): string {
  try {
    return decodeURIComponent(fragment)
  } catch {
    return fragment
  }
}

export type MeaningOf = (reference: string) => string | undefined

interface Place extends Dependent, Led {
  readonly side: number
}

/**
 * For each content what its references mean: the same text wherever they lead to the same, in this content or in another of
 * those given together, whatever it is called there. References in circles are told apart as far as they can be by following them.
 */
export function meaningsOf(contents: readonly (Value | undefined)[]): MeaningOf[] {
  const places = contents.flatMap((content, side) => placesIn(content, side))
  const meanings = new Map<string, string>()
  const meaningFor = (side: number): MeaningOf => {
    const content = contents[side]
    return (reference) => {
      const led = ledTo(content, reference)
      return led === undefined ? undefined : meanings.get(keyOf(side, led))
    }
  }
  const readings = contents.map((_, side) => ({ rules: noRules, meaningOf: meaningFor(side) }))
  const textOf = ({ side, value, nature }: Place): string =>
    canonical(value, readings[side] ?? { rules: noRules }, nature)
  const { levels, cycles, stuck } = levelsOf(places)
  for (const level of levels) for (const place of level) meanings.set(place.key, hash(textOf(place)))
  tellApart([...cycles.flat(), ...stuck], meanings, textOf)
  return contents.map((_, side) => meaningFor(side))
}

/** So long a way may lead into a circle before names count. */
const maxRounds = 100

/** Each round tells apart what leads to what the last one told apart, until none does. */
function tellApart(places: readonly Place[], meanings: Map<string, string>, textOf: (place: Place) => string): void {
  for (const { key } of places) meanings.set(key, 'circle')
  for (let round = 0, told = 0; places.length > 0; round++) {
    const next = places.map((place): [string, string] => {
      const name = round < maxRounds ? '' : place.tokens.join('/')
      return [place.key, hash(`${meanings.get(place.key)} ${name} ${textOf(place)}`)]
    })
    for (const [key, meaning] of next) meanings.set(key, meaning)
    const now = new Set(next.map(([, meaning]) => meaning)).size
    if (now === told || round === maxRounds) return
    told = now
  }
}

/** All that the item of a content refers to, and what that refers to. */
function placesIn(content: Value | undefined, side: number): Place[] {
  const places: Place[] = []
  const seen = new Set<string>()
  const follow = (value: Value, nature: Nature): string[] =>
    [...referencesIn(value, nature)].flatMap((reference) => {
      const led = ledTo(content, reference)
      if (led === undefined) return []
      const key = keyOf(side, led)
      if (!seen.has(key)) {
        seen.add(key)
        waiting.push({ ...led, key })
      }
      return [key]
    })
  const waiting: (Led & { readonly key: string })[] = []
  follow(fieldOf(content, 'item') ?? null, 'node')
  for (let led = waiting.pop(); led !== undefined; led = waiting.pop())
    places.push({ ...led, side, after: follow(led.value, led.nature) })
  return places
}

function keyOf(side: number, { tokens }: Led): string {
  return JSON.stringify([side, ...tokens])
}

function hash(text: string): string {
  const [, alias] = /^\{"\$ref":#([\w-]{43})\}$/.exec(text) ?? []
  return alias ?? createHash('sha256').update(text).digest('base64url')
}

/** Whether it is a path of a document, as kind `openapi` gives it. */
export function itemOf(content: Value | undefined): Value | undefined {
  return isFields(content) ? fieldOf(content, 'item') : undefined
}
