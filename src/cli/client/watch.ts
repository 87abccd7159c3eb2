import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { print, say } from '../say.ts'
import { eventsIn, type StreamEvent } from './event-stream.ts'
import { listed, segment, speaks, type Client } from './options.ts'
import { plain } from './print.ts'
import { Refusal } from './refusal.ts'

interface Options {
  readonly agent?: string
  readonly type?: readonly string[]
  readonly after?: string
}

const usualPauseMs = 1000
/** Heartbeats come more often. */
const silentMs = 60_000

const help = `
Prints a line for each event, until it is stopped. When the connection breaks off it goes on behind the last event that it
has seen, without a gap; where the server no longer keeps that one it says so ("reset"). With --output json or ndjson each
line is the event as JSON.

Example
  trebuchet watch --type delivery.failed --output ndjson | jq .target`

/** `trebuchet watch` */
export function addWatchCommand(program: Command): void {
  const command = program
    .command('watch')
    .summary('shows what happens, as it happens')
    .description('Shows what happens, as it happens.')
    .option('--agent <NAME>', 'to this agent alone')
    .option('--type <TYPE>', 'only events of this type, such as command.finished (can be repeated)', listed)
    .option('--after <ID>', 'begin behind this event')
    .addHelpText('after', help)
  speaks(command, watch)
}

async function watch(client: Client, { agent, type = [], after }: Options): Promise<void> {
  const path = agent === undefined ? '/events' : `/agent/${segment(agent)}/events`
  let last = after
  let pauseMs = usualPauseMs
  for (let everOpen = false; ;) {
    try {
      const response = await client.server.open('GET', path, {
        headers: { accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) },
        query: { type },
      })
      if (!everOpen) say('watching')
      everOpen = true
      const watchdog = setTimeout(() => response.body.destroy(new Error('nothing came for too long')), silentMs)
      response.body.on('data', () => watchdog.refresh())
      try {
        const hear = { retry: (ms: number) => (pauseMs = ms), id: (id: string) => (last = id) }
        for await (const event of eventsIn(response.body, hear)) await print(lineOf(client, event))
      } finally {
        clearTimeout(watchdog)
      }
    } catch (error) {
      client.signal.throwIfAborted()
      if (!everOpen || error instanceof Refusal) throw error
      say(`the connection broke off (${(error as Error).message}); going on behind event ${last ?? 'now'}`)
    }
    await pause(pauseMs, undefined, { signal: client.signal })
  }
}

function lineOf({ output }: Client, { id, type, data }: StreamEvent): string {
  const facts = JSON.parse(data) as Record<string, unknown>
  if (output !== 'text') return `${JSON.stringify({ ...(id !== undefined && { id }), type, ...facts })}\n`
  const { at = '', agent, command, target, ...rest } = facts
  const words = [at, type, agent, target, command].filter((word) => typeof word === 'string' && word !== '')
  const more = Object.entries(rest).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return `${plain([...words, ...more].join(' '))}\n`
}
