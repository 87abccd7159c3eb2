import { setTimeout as pause } from 'node:timers/promises'
import type { Installation } from './installation.ts'
import type { Fault } from './plan.ts'
import type { Proxy, Weather } from './proxy.ts'
import type { ServerProcess } from './server-process.ts'

/** A fault as it was: ms since the epoch. */
export interface Injected extends Fault {
  readonly begunAt: number
  /** When it was mended, and whoever it befell was ready again. */
  readonly overAt: number
}

/** Carries out the plan. Faults of different parts overlap; those of the same part come one after the other. */
export async function inject(
  installation: Installation,
  plan: readonly Fault[],
  tell: (line: string) => void,
): Promise<Injected[]> {
  const from = Date.now()
  const busy = new Map<object, Promise<unknown>>()
  const all = plan.map(async (fault): Promise<Injected> => {
    await pause(Math.max(0, from + fault.atMs - Date.now()))
    const { part, befall } = await caseOf(installation, fault)
    const before = busy.get(part) ?? Promise.resolve()
    const done = before.then(async () => {
      const begunAt = Date.now()
      await befall()
      const overAt = Date.now()
      tell(`${Math.round((begunAt - from) / 1000)} s: ${fault.kind}, over after ${overAt - begunAt} ms`)
      return { ...fault, begunAt, overAt }
    })
    busy.set(part, done)
    return done
  })
  return Promise.all(all)
}

interface Case {
  /** What it befalls. */
  readonly part: object
  readonly befall: () => Promise<void>
}

async function caseOf(installation: Installation, { kind, forMs, which, seed }: Fault): Promise<Case> {
  const { authors, publisher, publisherDoor, doors, redis } = installation
  const author = authors[which % authors.length] ?? publisher
  // What is sent on to the other server goes through one door; so that it is chosen as often as the others together, it counts more.
  const door = [publisherDoor, publisherDoor, ...doors][which % (doors.length + 2)] ?? publisherDoor
  const at = (part: object, befall: () => Promise<void>): Case => ({ part, befall })
  switch (kind) {
    case 'author killed':
      return at(author, () => killed(author, forMs))
    case 'publish server killed':
      return at(publisher, () => killed(publisher, forMs))
    case 'author stopped for longer than its lock':
      return at(author, () => stopped(author, forMs))
    case 'publish server stopped':
      return at(publisher, () => stopped(publisher, forMs))
    case 'author ended in order':
      return at(author, async () => {
        await author.end()
        await pause(forMs)
        await author.launch()
      })
    case 'redis killed':
      return at(redis ?? publisher, async () => {
        await redis?.stop('SIGKILL')
        await pause(forMs)
        await redis?.launch()
      })
    case 'redis stopped':
      return at(redis ?? publisher, async () => {
        redis?.pause()
        await pause(forMs)
        redis?.resume()
      })
    case 'connections to redis cut':
      return at(redis ?? publisher, async () => void (await redis?.command('CLIENT', 'KILL', 'TYPE', 'normal')))
    case 'connections cut in the middle':
      return at(door, () => through(door, { kind: 'cut', seed }, forMs))
    case 'answers truncated':
      return at(door, () => through(door, { kind: 'truncated', seed }, forMs))
    case 'answers delayed':
      return at(door, () => through(door, { kind: 'delayed', ms: 100 + (seed % 900) }, forMs))
    case 'connections refused':
      return at(door, () => through(door, { kind: 'refused' }, forMs))
  }
}

async function killed(server: ServerProcess, forMs: number): Promise<void> {
  await server.kill()
  await pause(forMs)
  await server.launch()
}

async function stopped(server: ServerProcess, forMs: number): Promise<void> {
  server.freeze()
  await pause(forMs)
  server.thaw()
}

async function through(door: Proxy, weather: Weather, forMs: number): Promise<void> {
  door.weather = weather
  await pause(forMs)
  door.weather = { kind: 'fair' }
}
