/** Which changes of a definition break those who call it, in the manner of oasdiff. */
import { fieldOf, type Value } from '../../documents/value.ts'
import { followed, isTrue, listIn, namesIn, part, printed, textIn, type Said } from './breaking/said.ts'
import { compareSchemas, type Tell } from './breaking/schemas.ts'
import { methods } from './shapes.ts'

export interface BreakingChange {
  /** The method, in capitals; empty for the path as a whole. */
  readonly part: string
  readonly why: string
}

/**
 * Over two contents as this kind gives them (see docs/OPENAPI.md); undefined where there is none. What is no such content breaks
 * nothing that is known.
 */
export function breakingChanges(before: Value | undefined, after: Value | undefined): readonly BreakingChange[] {
  const [old, next] = [itemOf(before), itemOf(after)]
  if (old === undefined) return []
  if (next === undefined) return [{ part: '', why: 'the path is gone' }]
  const changes: BreakingChange[] = []
  for (const method of methods) {
    const [was, is] = [part(old, method), part(next, method)]
    if (was.value === undefined) continue
    const tell: Tell = (why) => changes.push({ part: method.toUpperCase(), why })
    if (is.value === undefined) tell('the method is gone')
    else compareOperations({ path: old, own: was }, { path: next, own: is }, tell)
  }
  return changes
}

function itemOf(content: Value | undefined): Said | undefined {
  const item = fieldOf(content, 'item')
  return content === undefined || item === undefined ? undefined : followed({ content, value: item })
}

interface Operation {
  readonly path: Said
  readonly own: Said
}

function compareOperations(before: Operation, after: Operation, tell: Tell): void {
  compareParameters(before, after, tell)
  compareBodies(part(before.own, 'requestBody'), part(after.own, 'requestBody'), tell)
  compareResponses(part(before.own, 'responses'), part(after.own, 'responses'), tell)
  compareSecurity(part(before.own, 'security'), part(after.own, 'security'), tell)
}

function compareParameters(before: Operation, after: Operation, tell: Tell): void {
  const olds = parametersOf(before)
  for (const [name, next] of parametersOf(after)) {
    const old = olds.get(name)
    const isRequired = isTrue(part(next, 'required'))
    if (old === undefined) {
      if (isRequired) tell(`${name} is new, and required`)
      continue
    }
    if (isRequired && !isTrue(part(old, 'required'))) tell(`${name} is required now`)
    compareSchemas({ before: part(old, 'schema'), after: part(next, 'schema') }, 'request', name, tell)
    compareContents(part(old, 'content'), part(next, 'content'), 'request', name, tell)
  }
}

/** Those of the path, as far as the operation has none of its own. */
function parametersOf({ path, own }: Operation): ReadonlyMap<string, Said> {
  return new Map(
    [path, own].flatMap((one) =>
      listIn(part(one, 'parameters')).map((parameter): [string, Said] => {
        const [place, name] = [textIn(part(parameter, 'in')) ?? '', textIn(part(parameter, 'name')) ?? '']
        return [`the ${place} parameter ${place === 'header' ? name.toLowerCase() : name}`, parameter]
      }),
    ),
  )
}

function compareBodies(before: Said, after: Said, tell: Tell): void {
  if (isTrue(part(after, 'required')) && !isTrue(part(before, 'required')))
    tell(before.value === undefined ? 'a request body is new, and required' : 'the request body is required now')
  compareContents(part(before, 'content'), part(after, 'content'), 'request', 'the request body', tell)
}

function compareContents(
  before: Said,
  after: Said,
  direction: 'request' | 'response',
  where: string,
  tell: Tell,
): void {
  for (const type of namesIn(before)) {
    const [old, next] = [part(before, type), part(after, type)]
    if (next.value === undefined) tell(`${where} is not ${type} any more`)
    else compareSchemas({ before: part(old, 'schema'), after: part(next, 'schema') }, direction, where, tell)
  }
}

function compareResponses(before: Said, after: Said, tell: Tell): void {
  const statuses = namesIn(after)
  for (const status of namesIn(before)) {
    const found = [status, `${status.charAt(0)}XX`, 'default'].find((one) => statuses.includes(one))
    if (found === undefined) {
      tell(`the response ${status} is gone`)
      continue
    }
    const [old, next] = [part(before, status), part(after, found)]
    const where = `the response ${status}`
    compareContents(part(old, 'content'), part(next, 'content'), 'response', where, tell)
    const headers = part(next, 'headers')
    for (const name of namesIn(part(old, 'headers'))) {
      const [header, then] = [part(old, 'headers', name), part(headers, name)]
      if (then.value !== undefined)
        compareSchemas(
          { before: part(header, 'schema'), after: part(then, 'schema') },
          ...(['response', `${where}, header ${name}`, tell] as const),
        )
      else if (isTrue(part(header, 'required'))) tell(`${where} has no header ${name} any more`)
    }
  }
}

/** Each way in that there was must still be one: alternatives are a list, of which nothing at all may be one. */
function compareSecurity(before: Said, after: Said, tell: Tell): void {
  if (after.value === undefined || printed(before) === printed(after)) return
  const ways = listIn(after)
  const isOpen = ways.length === 0 || ways.some((way) => namesIn(way).length === 0)
  if (isOpen) return
  const olds = listIn(before)
  if (before.value !== undefined && (olds.length === 0 || olds.some((way) => namesIn(way).length === 0)))
    return tell(`${shownWays(ways)} is demanded now`)
  for (const old of olds)
    if (!ways.some((way) => namesIn(way).every((name) => namesIn(old).includes(name))))
      tell(`${shownWays([old])} is not enough any more`)
}

function shownWays(ways: readonly Said[]): string {
  return ways.map((way) => namesIn(way).join(' and ')).join(' or ')
}
