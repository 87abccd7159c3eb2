import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import type { TSchema } from 'typebox'
import type { Fault } from '../errors.ts'
import { messageOf } from './fault-message.ts'
import { faultInGlob } from './glob.ts'
import { faultIn, quote, type ResourcePath } from './path.ts'
import { Type } from './type.ts'

/** What is wrong with a text of our own formats, or undefined. */
const textFaults: Readonly<Record<string, (text: string) => string | undefined>> = {
  'resource-path': faultIn,
  glob: faultInGlob,
  origin: faultInOrigin,
}

/** What a remote server is known by: scheme, host and port, nothing else. */
function faultInOrigin(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const usable = url !== undefined && /^https?:$/.test(url.protocol) && `${url.protocol}//${url.host}/` === url.href
  return usable ? undefined : `must be an origin like https://publish1.example.com:8443, it is ${quote(text)}`
}

/** A text that is a ResourcePath once it has been checked. */
export const pathSchema = Type.Unsafe<ResourcePath>(
  Type.String({ format: 'resource-path', description: 'The absolute path of a resource, for example `/content/a`.' }),
)

export const globSchema = Type.String({
  format: 'glob',
  description:
    'Matched against whole paths: `*` and `?` stay within a segment, `/x/**` is `/x` and everything below it.',
})

/** More than these help nobody, and a hostile document could have a million. */
export const maxFaults = 100

/** Of what has more values than this, only the first fault is looked for: finding all of them takes time for each. */
const maxValues = 10_000

export type Checker = (value: unknown) => readonly Fault[]

const bodies = validators(false)
const texts = validators(true)
const checkers = new WeakMap<TSchema, Checker>()
const textCheckers = new WeakMap<TSchema, Checker>()

/**
 * Checks values against the schema and answers all faults that it finds, none when there is none. Properties that are
 * absent and have a default get it, in place; nothing else is changed, and nothing is converted.
 */
export function checkerOf(schema: TSchema): Checker {
  return remembered(checkers, bodies, schema)
}

/** The same for what comes as text (query, environment): `"5"` becomes 5 where a number is wanted, in place. */
export function textCheckerOf(schema: TSchema): Checker {
  const check = remembered(textCheckers, texts, schema)
  return (value) => {
    const faults = check(value)
    return faults.length > 0 ? faults : endless(value)
  }
}

/** ajv takes `Infinity` and `1e999` for numbers, and then holds them to no bounds. */
function endless(value: unknown): Fault[] {
  return Object.entries(value ?? {})
    .filter(([, each]) => [each].flat().some((one) => one === Infinity || one === -Infinity))
    .map(([name]) => ({ pointer: `/${pointerToken(name)}`, message: 'must be a number that has an end' }))
}

interface Validators {
  /** Ends at the first fault. */
  readonly quick: Ajv2020
  readonly thorough: Ajv2020
}

function remembered(cache: WeakMap<TSchema, Checker>, { quick, thorough }: Validators, schema: TSchema): Checker {
  const known = cache.get(schema)
  if (known !== undefined) return known
  // Many schemas never see a value in the life of a server, and most never a fault.
  let isValid: ValidateFunction | undefined
  let validate: ValidateFunction | undefined
  const checker: Checker = (value) => {
    isValid ??= quick.compile(schema)
    if (isValid(value)) return []
    if (hasMoreValues(value, maxValues)) return faultsOf(isValid.errors ?? [])
    validate ??= thorough.compile(schema)
    validate(value)
    return faultsOf(validate.errors ?? [])
  }
  cache.set(schema, checker)
  return checker
}

function hasMoreValues(value: unknown, limit: number): boolean {
  const waiting = [value]
  for (let seen = 0; waiting.length > 0; seen++) {
    if (seen + waiting.length > limit) return true
    const next = waiting.pop()
    if (typeof next === 'object' && next !== null) for (const part of Object.values(next)) waiting.push(part)
  }
  return false
}

function validators(coerce: boolean): Validators {
  return { quick: validator(coerce, false), thorough: validator(coerce, true) }
}

function validator(coerce: boolean, allErrors: boolean): Ajv2020 {
  const ajv = new Ajv2020({
    strict: true,
    // Tests hold all of ours against the schema of schemas; to compile that would be half of what a server does at its start.
    validateSchema: false,
    meta: false,
    allErrors,
    verbose: true,
    useDefaults: true,
    coerceTypes: coerce ? 'array' : false,
  })
  formats.default(ajv)
  for (const [name, faultOf] of Object.entries(textFaults))
    ajv.addFormat(name, { type: 'string', validate: (text: string) => faultOf(text) === undefined })
  return ajv
}

function faultsOf(errors: readonly ErrorObject[]): Fault[] {
  const seen = new Set<string>()
  const faults: Fault[] = []
  for (const error of withoutAlternatives(errors)) {
    const fault = faultOf(error)
    // One value, one fault: what has the wrong pattern often has the wrong format too.
    if (seen.has(fault.pointer)) continue
    seen.add(fault.pointer)
    faults.push(fault)
    if (faults.length === maxFaults) break
  }
  return faults
}

function faultOf(error: ErrorObject): Fault {
  const { keyword, params, instancePath } = error
  if (keyword === 'required') return { pointer: below(instancePath, params['missingProperty']), message: 'is required' }
  if (keyword === 'additionalProperties')
    return { pointer: below(instancePath, params['additionalProperty']), message: messageOf(error) }
  const own = keyword === 'format' ? textFaults[String(params['format'])] : undefined
  return { pointer: instancePath, message: own?.(String(error.data)) ?? messageOf(error) }
}

function below(pointer: string, property: unknown): string {
  return `${pointer}/${pointerToken(String(property))}`
}

/** One step of a JSON Pointer (RFC 6901). */
export function pointerToken(property: string): string {
  return property.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** ajv finds everything; what is more than this is not even looked at. */
const maxErrors = 2000

/**
 * Of a union that failed, ajv reports the faults of every alternative. What helps is the one that was meant: the only
 * one whose type and tag (its `const` properties) fit, or, when several do, the only one whose properties are the ones
 * that are there. When that is none, or several, the union itself is the fault.
 */
function withoutAlternatives(all: readonly ErrorObject[]): ErrorObject[] {
  let errors = all.slice(0, maxErrors)
  const unions = errors.filter((error) => error.keyword === 'anyOf' || error.keyword === 'oneOf')
  // Outer ones first: an inner one is of interest only when its alternative was meant.
  unions.sort((a, b) => a.schemaPath.length - b.schemaPath.length)
  for (const union of unions) {
    if (!errors.includes(union)) continue
    const within = errors.filter((error) => isWithin(error, union))
    errors = errors.filter((error) => error !== union && !within.includes(error)).concat(meant(within, union))
  }
  return errors
}

function isWithin({ schemaPath, instancePath }: ErrorObject, union: ErrorObject): boolean {
  if (!schemaPath.startsWith(`${union.schemaPath}/`)) return false
  return instancePath === union.instancePath || instancePath.startsWith(`${union.instancePath}/`)
}

function meant(within: readonly ErrorObject[], union: ErrorObject): ErrorObject[] {
  const alternatives = new Map<string, ErrorObject[]>()
  for (const error of within) {
    const branch = String(error.schemaPath.slice(union.schemaPath.length + 1).split('/', 1)[0])
    const faults = alternatives.get(branch)
    if (faults === undefined) alternatives.set(branch, [error])
    else faults.push(error)
  }
  const ofWhole = (error: ErrorObject): boolean => error.instancePath === union.instancePath
  const misfits: readonly ((error: ErrorObject) => boolean)[] = [
    (error) => error.keyword === 'const' || (error.keyword === 'type' && ofWhole(error)),
    (error) => (error.keyword === 'required' || error.keyword === 'additionalProperties') && ofWhole(error),
  ]
  let candidates = [...alternatives.values()]
  for (const misfit of misfits) {
    candidates = candidates.filter((faults) => !faults.some(misfit))
    const [only] = candidates
    if (only !== undefined && candidates.length === 1) return only
  }
  const tags = within.filter((error) => error.keyword === 'const')
  const [tag] = tags
  if (tag === undefined || tags.length !== alternatives.size || tags.some((t) => t.instancePath !== tag.instancePath))
    return [{ ...union, keyword: 'anyOf' }]
  const allowedValues = tags.map((error) => error.params['allowedValue'] as unknown)
  return [{ ...tag, keyword: 'enum', params: { allowedValues } }]
}

/** The schema of what may be sent: where a checked value is complete, what has a default may be absent. */
export function sendable(schema: TSchema): TSchema {
  let made = sendables.get(schema)
  if (made === undefined) sendables.set(schema, (made = relaxed(schema) as TSchema))
  return made
}

const sendables = new WeakMap<TSchema, TSchema>()

function relaxed(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(relaxed)
  if (typeof node !== 'object' || node === null) return node
  const copy = Object.fromEntries(Object.entries(node).map(([key, value]) => [key, relaxed(value)]))
  const { properties, required } = copy as { properties?: Record<string, { default?: unknown }>; required?: unknown }
  if (properties === undefined || !Array.isArray(required)) return copy
  return { ...copy, required: required.filter((name) => properties[String(name)]?.default === undefined) }
}
