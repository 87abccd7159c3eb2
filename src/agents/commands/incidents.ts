import type { EventType, ReplicationEvent } from '../events/events.ts'

/*
 * What is kept of a command for its timeline alone:
 *
 * in its entries                          Incidents
 * reverted/<command>/<agent>/<target>     Reverted: there once what was delivered has been undone
 */
export const revertedKey = (command: string, agent: string, target: string): string =>
  `reverted/${command}/${agent}/${target}`

/** That a delivery was undone, when and by which command. */
export interface Reverted {
  readonly command: string
  readonly at: string
  readonly actor: string
}

/** Something that neither the entry nor its deliveries tell by themselves. */
export type Incident = Pick<ReplicationEvent, 'type' | 'at' | 'actor' | 'data'>

const kept: ReadonlySet<EventType> = new Set([
  ...(['export.retrying', 'export.failed', 'command.retried', 'command.cancelled', 'command.approved'] as const),
])
const most = 20

/** Those among these events, as they happen at that time. */
export function incidentsIn(events: readonly Omit<Incident, 'at'>[], at: string): Incident[] {
  return events.flatMap(({ type, actor, data }) =>
    kept.has(type) ? [{ type, at, ...(actor !== undefined && { actor }), ...(data !== undefined && { data }) }] : [],
  )
}

/** What is kept when these come. */
export function withIncidents(
  was: readonly Incident[] | undefined,
  more: readonly Incident[],
): { readonly incidents?: readonly Incident[] } {
  return more.length === 0 ? {} : { incidents: [...(was ?? []), ...more].slice(-most) }
}
