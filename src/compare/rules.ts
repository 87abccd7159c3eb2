/**
 * What an agent says of comparing: what is not looked at (`ignore`), what belongs to the target (`preserve`), and lists whose
 * order means nothing (`sets`). Parts are named by JSON Pointers, in which a token `*` is any one token, `**` any number of
 * them, also none, and `x-*` each that begins with `x-`; a `*` anywhere else means itself. In a path of an OpenAPI document they
 * begin at its path item: `/post/x-policies`.
 */
import type { Static } from 'typebox'
import { tokensOf } from '../documents/pointers.ts'
import { globOf, matches, type Glob, type Part } from '../resources/glob.ts'
import type { ResourcePath } from '../resources/path.ts'
import { globSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'

const pointerSchema = Type.String({
  pattern: '^(?:/(?:[^~/]|~[01])*)+$',
  maxLength: 1024,
  description:
    'A JSON Pointer into each resource that has parts; `*` is any one name, `**` any number of them, `x-*` what begins so.',
})

const globs = Type.Array(globSchema, { minItems: 1, maxItems: 1000 })
const pointers = Type.Array(pointerSchema, { minItems: 1, maxItems: 1000 })
const closed = { additionalProperties: false } as const

const placed = Type.Object(
  { paths: Type.Optional(globs), at: pointers },
  { ...closed, title: '{"paths": [glob], "at": [pointer]}' },
)

const ignored = Type.Object(
  { paths: Type.Optional(globs), at: Type.Optional(pointers) },
  { ...closed, minProperties: 1, title: '{"paths": [glob], "at": [pointer]}' },
)

const pointerOrPlaced = Type.Union([{ ...pointerSchema, title: 'a JSON Pointer' }, placed])
const many = { default: [], maxItems: 1000 } as const

/** Members of an agent's config. */
export const compareRulesSchema = {
  compare: Type.Object(
    {
      ignore: Type.Array(Type.Union([{ ...globSchema, title: 'a glob' }, ignored]), {
        ...many,
        description: 'What is not compared: resources by a glob, or parts of them.',
      }),
      sets: Type.Array(pointerOrPlaced, { ...many, description: 'Lists whose order does not count.' }),
    },
    { ...closed, default: {}, description: 'How source and target are compared.' },
  ),
  preserve: Type.Array(pointerOrPlaced, {
    ...many,
    description: 'What the target owns: never compared, never written; what the source has there never comes over.',
  }),
} as const

export interface CompareRules {
  readonly compare: Static<(typeof compareRulesSchema)['compare']>
  readonly preserve: Static<(typeof compareRulesSchema)['preserve']>
}

/** Of one resource; each takes the tokens of a JSON Pointer. */
export interface PathRules {
  /** At what the target owns, or below it. */
  readonly preserved: (at: readonly string[]) => boolean
  /** At what is not compared, or below it. */
  readonly ignored: (at: readonly string[]) => boolean
  readonly isSet: (at: readonly string[]) => boolean
}

export interface Rules {
  /** Whether the resource is not compared at all. */
  readonly ignores: (path: ResourcePath) => boolean
  /** Whether there is any. */
  readonly ignoresSome: boolean
  readonly forPath: (path: ResourcePath) => PathRules
}

export const noRules: PathRules = { preserved: () => false, ignored: () => false, isSet: () => false }

type Matcher = (at: readonly string[]) => boolean

/** Parts, in the resources that a glob matches; in all of them without one. */
interface Placed {
  readonly globs: readonly Glob[] | undefined
  readonly matchers: readonly Matcher[]
}

/** Resources that are not compared at all. */
export function ignoredGlobs({ compare }: Pick<CompareRules, 'compare'>): string[] {
  return compare.ignore.flatMap((rule) =>
    typeof rule === 'string' ? [rule] : rule.at === undefined ? (rule.paths ?? []) : [],
  )
}

/** Compiles what the config says, once for many resources. */
export function rulesFor({ compare, preserve }: CompareRules): Rules {
  const whole = ignoredGlobs({ compare }).map(globOf)
  const ignore = compare.ignore.flatMap((rule) =>
    typeof rule === 'string' || rule.at === undefined ? [] : [placedAt({ ...rule, at: rule.at }, true)],
  )
  const owned = preserve.map((rule) => placedAt(rule, true))
  const sets = compare.sets.map((rule) => placedAt(rule, false))
  return {
    ignoresSome: whole.length > 0,
    ignores: (path) => whole.some((glob) => glob(path)),
    forPath: (path) => {
      const [preserved, ignoredAt, isSet] = [owned, ignore, sets].map((rules) => matcherFor(path, rules))
      if (preserved === undefined && ignoredAt === undefined && isSet === undefined) return noRules
      return {
        preserved: preserved ?? noRules.preserved,
        ignored: ignoredAt ?? noRules.ignored,
        isSet: isSet ?? noRules.isSet,
      }
    },
  }
}

function placedAt(
  rule: string | { readonly paths?: readonly string[]; readonly at: readonly string[] },
  deep: boolean,
) {
  const { paths, at } = typeof rule === 'string' ? { at: [rule] } : { ...rule, paths: rule.paths }
  return { globs: paths?.map(globOf), matchers: at.map((pointer) => matcherOf(pointer, deep)) }
}

function matcherFor(path: ResourcePath, rules: readonly Placed[]): Matcher | undefined {
  const matchers = rules
    .filter(({ globs: wanted }) => wanted === undefined || wanted.some((glob) => glob(path)))
    .flatMap((rule) => rule.matchers)
  return matchers.length === 0 ? undefined : (at) => matchers.some((fits) => fits(at))
}

/** `deep`: what lies below counts too. */
function matcherOf(pointer: string, deep: boolean): Matcher {
  const wanted = tokensOf(pointer).map(partOf)
  if (deep) wanted.push(partOf('**'))
  return (at) => matches(wanted, at)
}

function partOf(token: string): Part {
  if (token === '*' || token === '**') return { wild: token === '**', fits: () => true }
  const start = token.slice(0, -1)
  return { wild: false, fits: token.endsWith('*') ? (name) => name.startsWith(start) : (name) => name === token }
}
