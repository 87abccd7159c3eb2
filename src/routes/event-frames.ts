import type { LoggedEvent } from '../agents/events/events.ts'

/*
 * Server-sent events as the HTML standard has them (https://html.spec.whatwg.org/multipage/server-sent-events.html). An
 * `id` without data is no event, and yet where a reader goes on who was told nothing else.
 */

/** All readers of a process get the same bytes. */
const frames = new WeakMap<LoggedEvent, Buffer>()

/** Sixteen digits: ids sort as texts in the order of the log. */
export function idOf(sequence: number): string {
  return String(sequence).padStart(16, '0')
}

/** The place in the log that an id stands for, undefined for what no server has given out. */
export function sequenceIn(id: string): number | undefined {
  return /^\d{1,16}$/.test(id) ? Number(id) : undefined
}

export function frameOf(logged: LoggedEvent): Buffer {
  let frame = frames.get(logged)
  if (frame === undefined) {
    const { type, data, followers: _, ...facts } = logged.event
    frame = block({ id: idOf(logged.sequence), event: type, data: json({ ...facts, ...data }) })
    frames.set(logged, frame)
  }
  return frame
}

const losses = {
  forgotten: 'events behind the one that you had are no longer kept',
  far: 'the one that you had has never been here: this is another installation, or its state was set back',
}

/** Says that there is a gap, and what to do; `position` is where the stream goes on. */
export function resetFrame(reason: keyof typeof losses, position: number, agent: string | undefined): Buffer {
  const data = {
    ...{ at: new Date().toISOString(), ...(agent !== undefined && { agent }), reason },
    detail: `${losses[reason]}; read the state again, this stream goes on from now`,
  }
  return block({ id: idOf(position), event: 'reset', data: json(data) })
}

/** How soon to come back: not all at the same moment. */
export function retryLine(): string {
  return `retry: ${1000 + Math.floor(Math.random() * 2000)}\n`
}

/** Without what some clients, though not the standard, take for the end of a line. */
function json(data: object): string {
  return JSON.stringify(data).replaceAll(
    /[\u0085\u2028\u2029]/g,
    (end) => `\\u${end.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function block(fields: Readonly<Record<string, string>>): Buffer {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`)
  return Buffer.from(`${lines.join('')}\n`)
}
