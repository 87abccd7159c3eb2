/** The dashboard in the machine's own browser: how soon it is there, and how smooth it stays while much happens. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { chromium, type Page } from 'playwright-core'
import { ServerProcess } from '../servers.ts'

export interface DashboardScenario {
  readonly name: string
  readonly agents: number
  /** Events that are to happen each second; none: only how soon the page is there. */
  readonly eventsPerSecond?: number
}

export const dashboardScenarios: readonly DashboardScenario[] = [
  { name: 'dashboard-ready', agents: 200 },
  { name: 'dashboard-events', agents: 200, eventsPerSecond: 500 },
]

export interface DashboardRun {
  /** From the beginning of the navigation until all agents are drawn. */
  readonly readyMs: number
  /** Over the wire, of all that the first page needs. */
  readonly bytes: number
  readonly eventsPerSecond?: number
  /** Between two frames: the median, one in a hundred, and the longest. */
  readonly frames?: {
    readonly p50Ms: number
    readonly p99Ms: number
    readonly longestMs: number
    readonly perSecond: number
  }
}

export interface DashboardResult {
  readonly scenario: DashboardScenario
  readonly runs: readonly DashboardRun[]
}

const watchedS = 10
/** Of one command of one small file to a target in memory: accepted, ready, started, delivered, finished. */
const eventsOfCommand = 5

export function browserPath(): string | undefined {
  const { stdout } = spawnSync('sh', ['-c', 'command -v chromium || command -v google-chrome'], { encoding: 'utf8' })
  return stdout.trim() || undefined
}

export async function lookAtDashboard(
  scenario: DashboardScenario,
  folder: string,
  runs: number,
  say: (line: string) => void,
): Promise<DashboardResult> {
  const executablePath = browserPath()
  if (executablePath === undefined) throw new Error('there is no chromium here')
  const source = join(folder, 'source')
  mkdirSync(join(source, 'content'), { recursive: true })
  writeFileSync(join(source, 'content/page.json'), '{"title":"one"}')
  const server = await ServerProcess.start('server', join(folder, 'server'), undefined, { LOG_LEVEL: 'warn' })
  const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ['--no-sandbox'] : [] })
  try {
    for (let i = 0; i < scenario.agents; i++)
      await server.ask([201], 'POST', '/replication/config', {
        name: nameOf(i),
        source: { kind: 'directory', path: source },
        targets: [{ name: 'default', kind: 'memory' }],
      })
    const done: DashboardRun[] = []
    for (let run = 0; run < runs; run++) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
      const page = await context.newPage()
      const ready = await open(page, server.origin, scenario.agents)
      const rate = scenario.eventsPerSecond
      done.push({ ...ready, ...(rate !== undefined && (await watch(page, server, scenario.agents, rate))) })
      await context.close()
      say(`${scenario.name}, run ${run + 1}: ${JSON.stringify(done.at(-1))}`)
    }
    return { scenario, runs: done }
  } finally {
    await browser.close()
    await server.close()
  }
}

async function open(page: Page, origin: string, agents: number): Promise<{ readyMs: number; bytes: number }> {
  let bytes = 0
  const sizes: Promise<void>[] = []
  page.on('requestfinished', (request) => {
    if (!request.url().endsWith('/events'))
      sizes.push(request.sizes().then(({ responseBodySize }) => void (bytes += responseBodySize)))
  })
  await page.addInitScript(`{
    const look = () =>
      document.querySelectorAll('.agents > li').length === ${agents}
        ? requestAnimationFrame(() => (globalThis.readyAt = performance.now()))
        : requestAnimationFrame(look)
    requestAnimationFrame(look)
  }`)
  await page.goto(origin)
  // The page's policy forbids what would wait in it.
  while (!(await page.evaluate<boolean>('globalThis.readyAt > 0'))) await sleep(20)
  await Promise.all(sizes)
  return { readyMs: await page.evaluate<number>('readyAt'), bytes }
}

/** Replicates with one agent after the other, so that events come evenly, and counts what the page's frames take meanwhile. */
async function watch(
  page: Page,
  server: ServerProcess,
  agents: number,
  rate: number,
): Promise<Omit<DashboardRun, 'readyMs' | 'bytes'>> {
  const before = await lastEvent(server)
  await page.evaluate(`{
    globalThis.gaps = []
    let last
    const frame = (at) => { if (last !== undefined) gaps.push(at - last); last = at; requestAnimationFrame(frame) }
    requestAnimationFrame(frame)
  }`)
  const startedAt = performance.now()
  const everyMs = (1000 * eventsOfCommand) / rate
  const sent: Promise<unknown>[] = []
  for (let i = 0; performance.now() - startedAt < watchedS * 1000; i++) {
    const path = `/replication/agent/${nameOf(i % agents)}/replicate`
    sent.push(server.ask([202, 429], 'POST', path, { paths: ['/content/page.json'] }))
    await sleep(Math.max(0, startedAt + i * everyMs - performance.now()))
  }
  const tookS = (performance.now() - startedAt) / 1000
  const gaps = (await page.evaluate<number[]>('gaps')).toSorted((a, b) => a - b)
  await Promise.all(sent)
  const at = (share: number): number => gaps[Math.min(gaps.length - 1, Math.floor(gaps.length * share))] ?? 0
  return {
    eventsPerSecond: ((await lastEvent(server)) - before) / tookS,
    frames: { p50Ms: at(0.5), p99Ms: at(0.99), longestMs: at(1), perSecond: gaps.length / tookS },
  }
}

/** The number of the newest event, as its stream begins with. */
async function lastEvent(server: ServerProcess): Promise<number> {
  const over = new AbortController()
  const { body } = await fetch(`${server.origin}/replication/events`, { signal: over.signal })
  if (body === null) throw new Error('no event stream')
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    const id = /^id: (\d+)$/m.exec(part)?.[1]
    if (id === undefined) continue
    over.abort()
    return Number(id)
  }
  throw new Error('the event stream tells no id')
}

function nameOf(i: number): string {
  return `agent-${String(i).padStart(3, '0')}`
}
