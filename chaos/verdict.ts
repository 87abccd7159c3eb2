import { isDeepStrictEqual } from 'node:util'
import type { Receipt } from '../src/endpoints/endpoint.ts'
import type { Received } from '../test/event-reader.ts'
import type { Command } from '../test/end-to-end/views.ts'
import type { Injected } from './faults.ts'
import type { Place } from './installation.ts'
import type { Journal } from './journals.ts'
import { calmMs } from './plan.ts'
import type { Sent } from './senders.ts'

/** What came of it all at one target. */
export interface Verdict {
  readonly delivered: number
  /** Each as a sentence. */
  readonly lost: readonly string[]
  readonly reordered: readonly string[]
  readonly duplicated: readonly string[]
  /** Tries of what the target had applied before, which it recognised. */
  readonly absorbed: number
}

/** A command of the publish server with the author's delivery that it serves. */
export type FarCommand = Command & { readonly delivery?: string }

export interface Evidence {
  readonly sent: readonly Sent[]
  readonly events: readonly Received[]
  /** The author's commands by id, and the publish server's. */
  readonly commands: ReadonlyMap<string, Command>
  readonly farCommands: readonly FarCommand[]
}

/** A delivery as it was queued: once, and again each time when somebody moved it back. */
interface Queued {
  readonly id: string
  /** Tries, as ms since the epoch. */
  readonly tries: number[]
}

export function judge(journal: Journal, evidence: Evidence): Verdict {
  const { place } = journal
  const sent = evidence.sent.filter(({ agent }) => agent === place.agent)
  const queued = queuedFor(place, evidence.events)
  const far = new Map(evidence.farCommands.map((command) => [command.id, command]))
  /** By the author's delivery. */
  const applied = new Map<string, { readonly receipt: Receipt; readonly recognisableMs: number }>()
  const duplicated = [...journal.doubled].map((id) => `${id} has two receipts`)
  for (const receipt of journal.receipts) {
    const command = far.get(receipt.delivery.slice(0, 26))
    const id = place.far ? (command?.delivery ?? receipt.delivery) : receipt.delivery
    if (applied.has(id)) duplicated.push(`${id} was applied twice`)
    applied.set(id, { receipt, recognisableMs: Date.parse(command?.createdAt ?? receipt.appliedAt) })
  }
  const order = new Map(queued.map(({ id }, i) => [id, i]))
  const reordered: string[] = []
  let latest = ''
  for (const id of applied.keys()) {
    const rank = order.get(id)
    if (rank === undefined) reordered.push(`${id} was applied and never queued`)
    else if (rank < (order.get(latest) ?? -1)) reordered.push(`${id} was applied after ${latest}`)
    latest = id
  }
  const lost = sent.flatMap(({ id, number }) => {
    const found = evidence.commands.get(id)?.agents[0]
    const target = found?.targets.find((one) => one.target === place.target)
    const theirs = applied.get(target?.receipt?.delivery ?? '')?.receipt
    const what = `number ${number} (${id}) at ${place.agent}/${place.target}`
    if (target?.state !== 'delivered')
      return [`${what} is ${target?.state ?? 'unknown'}: ${JSON.stringify(target?.error ?? found?.error)}`]
    if (theirs === undefined) return [`${what} was said to be delivered, and the target has no receipt`]
    const { entries, bytes, package: pkg } = theirs
    const ours = { entries: target.entries, bytes: target.bytes, package: target.receipt?.package }
    if (isDeepStrictEqual(ours, { entries, bytes, package: pkg })) return []
    return [`${what} has another receipt here than there: ${JSON.stringify([target, theirs])}`]
  })
  const absorbed = queued.reduce((sum, { id, tries }) => {
    const from = applied.get(id)?.recognisableMs ?? Infinity
    return sum + tries.filter((at) => at > from).length
  }, 0)
  return { delivered: sent.length - lost.length, lost, reordered, duplicated, absorbed }
}

/** In the order in which they came into the queue, as the author's events tell it. */
function queuedFor({ agent, target }: Place, events: readonly Received[]): Queued[] {
  const queued: Queued[] = []
  /** By command: how it is queued now. */
  const now = new Map<string, { round: number; queued: Queued }>()
  const add = (command: string, round: number): void => {
    const one = { id: `${command}/${agent}/${target}${round === 0 ? '' : `~${round}`}`, tries: [] }
    queued.push(one)
    now.set(command, { round, queued: one })
  }
  for (const { type, data } of events) {
    const command = data['command'] as string
    if (data.agent !== agent) continue
    if (type === 'command.accepted') add(command, 0)
    if (data['target'] !== target) continue
    if (type === 'delivery.moved') add(command, (now.get(command)?.round ?? 0) + 1)
    if (type === 'delivery.started') now.get(command)?.queued.tries.push(Date.parse(data.at))
  }
  return queued
}

/** Sentences about commands of an agent that were made twice, or not in the order in which they were answered. */
export function judgeAcceptance(agent: string, { sent, events, commands }: Evidence): string[] {
  const ids = sent.filter((one) => one.agent === agent).map(({ id }) => id)
  const told = events.filter(({ type, data }) => type === 'command.accepted' && data.agent === agent)
  const known = [...commands.values()].filter((command) => command.agents[0]?.agent === agent).map(({ id }) => id)
  const differ = (what: string, found: readonly unknown[]): string[] =>
    isDeepStrictEqual(found, ids)
      ? []
      : [`${agent}: ${ids.length} were accepted, ${what} has ${found.length}, or another order`]
  return [
    ...differ(
      'the log of events',
      told.map(({ data }) => data['command']),
    ),
    ...differ('the list of commands', known.toSorted()),
  ]
}

export interface Recovery {
  readonly ms: number
  readonly where: string
}

/** For how long, at most, a lane that had something to deliver still delivered nothing when nothing was wrong any more. */
export function longestRecovery(faults: readonly Injected[], places: readonly Place[], { events }: Evidence): Recovery {
  let longest: Recovery = { ms: 0, where: '' }
  for (const { agent, target } of places) {
    const own = events.filter(({ data }) => data.agent === agent)
    const acceptedAt = new Map<unknown, number>()
    for (const { type, data } of own)
      if (type === 'command.accepted') acceptedAt.set(data['command'], Date.parse(data.at))
    const deliveries = own
      .filter(({ type, data }) => type === 'delivery.delivered' && data['target'] === target)
      .map(({ data }) => ({ at: Date.parse(data.at), waitedSince: acceptedAt.get(data['command']) ?? Infinity }))
    for (const { kind, atMs, overAt } of faults.filter((fault) => isLast(fault, faults))) {
      const next = deliveries.find(({ at }) => at > overAt)
      if (next === undefined || next.waitedSince > overAt || next.at - overAt <= longest.ms) continue
      longest = { ms: next.at - overAt, where: `${agent}/${target}, after: ${kind}, planned for ${atMs} ms` }
    }
  }
  return longest
}

/** Peace follows. */
function isLast({ overAt }: Injected, faults: readonly Injected[]): boolean {
  return faults.every((other) => other.overAt <= overAt || other.begunAt > overAt + calmMs / 2)
}
