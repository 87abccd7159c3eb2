/** What is written into a YAML text: our own form, indented as its place demands. */
import { printJson } from '../json.ts'
import type { Value } from '../value.ts'
import { printFlowYaml, printYaml } from '../yaml.ts'
import { eolOf, lineEnd, lineStart, type Splice } from './splices.ts'
import { membersOf, type Member, type Place } from './yaml-places.ts'

/** The value in place of another, anchors and tags included. */
export function replacement(text: string, place: Place, value: Value): Splice {
  const { from, end, within } = place
  if (within === 'flow') {
    const space = /[\s,[{]/.test(text[from - 1] ?? ' ') ? '' : ' '
    return { from, to: end, text: `${space}${printFlowYaml(value)}` }
  }
  if (within === 'text') {
    const isAlone = text.slice(lineStart(text, from), from).trim() === ''
    const eol = eolOf(text)
    return { from, to: end, text: `${isAlone ? '' : eol}${inDocument(value).replaceAll('\n', eol)}` }
  }
  const pad = ' '.repeat(place.outer - lineStart(text, place.outer))
  const body = indented(within === 'pair' ? behindKey(value) : behindDash(value), pad, text)
  const first = body.slice(0, lineEnd(body, 0))
  const more = body.slice(first.length)
  // A comment on the first line stays on it, before lines that are new.
  if (place.comment !== undefined && place.comment.offset < end)
    return { from, to: end, text: `${first} ${place.comment.source}${more}` }
  const eol = lineEnd(text, end)
  const behind = text.slice(end, eol)
  if (more !== '' && lineEnd(text, from) === eol && behind.trim().startsWith('#'))
    return { from, to: eol, text: `${first}${behind}${more}` }
  return { from, to: end, text: body }
}

/** The same value with other members: between brackets again, where there were some between them. */
export function anew(text: string, place: Place, value: Value): Splice {
  const { token, end } = place
  const isFlow = token?.type === 'flow-collection' && membersOf(token).length > 0
  return isFlow ? { from: token.offset, to: end, text: printFlowYaml(value) } : replacement(text, place, value)
}

/** ` value`, or a line end and a block. */
function behindKey(value: Value): string {
  const text = inDocument({ k: value })
  return text.startsWith('k:') ? text.slice(2) : ` ${printJson(value)}`
}

function behindDash(value: Value): string {
  const text = inDocument([value])
  return text.startsWith('- ') ? text.slice(1) : ` ${printJson(value)}`
}

/** Without the end of its last line; what ends in empty lines is followed by a mark of its end otherwise. */
function inDocument(value: Value): string {
  return printYaml(value)
    .replace(/(?<=\n)\.\.\.\n$/, '')
    .replace(/\n$/, '')
}

function indented(body: string, pad: string, text: string): string {
  const [first = '', ...more] = body.split('\n')
  return [first, ...more.map((line) => (line === '' ? '' : pad + line))].join(eolOf(text))
}

/** Behind the last one that stays, in the column of all. */
export function addition(
  text: string,
  members: readonly Member[],
  last: Member,
  added: readonly (readonly [string, Value])[],
): Splice {
  const start = members[0]?.start ?? 0
  const before = text.slice(lineStart(text, start), start)
  const pad = before.trim() === '' ? before : ' '.repeat(before.length)
  const at = lineEnd(text, last.end)
  const lines = added.map(([name, value]) => {
    const printed = inDocument(Object.fromEntries([[name, value]]))
    // What is too long for that comes as JSON, in brackets.
    const pair = printed.startsWith('{') ? printed.slice(1, -1) : printed
    return `${eolOf(text)}${pad}${indented(pair, pad, text)}`
  })
  return { from: at, to: at, text: lines.join('') }
}

/** The lines of these, and of the comments right above them and below within. One of the others stays, at least. */
export function removal(text: string, members: readonly Member[], gone: ReadonlySet<Member>): Splice[] {
  const splices: Splice[] = []
  const firstLeft = members.findIndex((member) => !gone.has(member))
  for (const [i, member] of members.entries()) {
    if (!gone.has(member)) continue
    const begin = lineStart(text, member.start)
    const column = member.start - begin
    const isAlone = text.slice(begin, member.start).trim() === ''
    if (!isAlone) {
      // It begins on the line of its dash, where the first that stays takes its place.
      if (i < firstLeft) splices.push({ from: member.start, to: members[firstLeft]?.start ?? member.end, text: '' })
      else splices.push({ from: members[i - 1]?.end ?? member.start, to: member.end, text: '' })
      continue
    }
    const isHead = i === 0 && column === 0
    const above = isHead ? begin : commentsAbove(text, begin, column, members[i - 1]?.end ?? 0)
    const end = commentsBelow(text, lineEnd(text, member.end), column)
    if (above === 0) splices.push({ from: 0, to: Math.min(text.length, lineAfter(text, end)), text: '' })
    else splices.push({ from: lineEnd(text, lineStart(text, above - 1)), to: end, text: '' })
  }
  return splices
}

function lineAfter(text: string, end: number): number {
  const next = text.indexOf('\n', end)
  return next < 0 ? text.length : next + 1
}

/** Where the first of the comments begins that stand right above, in the same column, without an empty line between. */
function commentsAbove(text: string, begin: number, column: number, least: number): number {
  let at = begin
  while (at > least) {
    const previous = lineStart(text, at - 1)
    const line = text.slice(previous, lineEnd(text, previous))
    if (previous < least || line.search(/\S/) !== column || line[column] !== '#') return at
    at = previous
  }
  return at
}

/** Where the last of the comments ends that stand below and further in. */
function commentsBelow(text: string, end: number, column: number): number {
  let last = end
  for (let at = lineAfter(text, end); at < text.length && at > last; at = lineAfter(text, at)) {
    const line = text.slice(at, lineEnd(text, at))
    const first = line.search(/\S/)
    if (first < 0) continue
    if (first <= column || line[first] !== '#') return last
    last = lineEnd(text, at)
  }
  return last
}
