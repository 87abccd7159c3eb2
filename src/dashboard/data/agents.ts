import { batch, computed, signal, type ReadonlySignal, type Signal } from '@preact/signals'
import { at, get, pages, problemOf, type Problem } from './api.ts'
import { onNews, tellsHeadway, type News } from './live.ts'
import type { Agent, AgentState, Config } from './views.ts'

/** How soon after something has happened it is seen, and how often at most. */
const refreshMs = { after: 150, every: 1000, afterFailure: 5000 }
const frameMs = 16
const perFrame = 8
/** So many agents are asked for one by one; more together. */
const fewAgents = 6

/** Each agent by itself, so that what happens to one draws one. */
const summaries = new Map<string, Signal<Agent>>()
const names = signal<readonly string[]>([])
const configs = signal<ReadonlyMap<string, Config>>(new Map())
const stale = new Set<string>()
let isAllStale = true
let areConfigsStale = true
let timer: ReturnType<typeof setTimeout> | undefined
let readAt = -Infinity
let isReading = false

export const agentsProblem = signal<Problem | undefined>(undefined)
/** Undefined until they have been read once. */
export const agentNames = signal<readonly string[] | undefined>(undefined)

export function agentOf(name: string): ReadonlySignal<Agent> | undefined {
  return summaries.get(name)
}

export const configOf = (name: string): Config | undefined => configs.value.get(name)

const urgency: readonly AgentState[] = ['blocked', 'failed', 'retrying', 'paused', 'running', 'idle', 'disabled']

/** Those that need somebody first; else by name. */
export const agentsInOrder = computed(() =>
  names.value
    .flatMap((name) => summaries.get(name)?.value ?? [])
    .toSorted((a, b) => urgency.indexOf(a.state) - urgency.indexOf(b.state) || (a.name < b.name ? -1 : 1)),
)

/** How many agents are in each state, the urgent states first. */
export const agentCounts = computed(() => {
  const counts = new Map(urgency.map((state) => [state, 0]))
  for (const { state } of agentsInOrder.value) counts.set(state, (counts.get(state) ?? 0) + 1)
  return counts
})

/** Keeps the agents as the server has them. */
export function followAgents(): void {
  onNews(note)
  soon()
}

function note(news: News): void {
  if (news === 'reset') isAllStale = areConfigsStale = true
  else
    for (const event of news) {
      if (event.type === 'config.changed') isAllStale = areConfigsStale = true
      if (!tellsHeadway(event)) stale.add(event.agent)
    }
  if (isAllStale || stale.size > 0) soon()
}

function soon(): void {
  if (isReading) return
  timer ??= setTimeout(() => void refresh(), Math.max(refreshMs.after, readAt + refreshMs.every - Date.now()))
}

async function refresh(): Promise<void> {
  timer = undefined
  isReading = true
  readAt = Date.now()
  const few = !isAllStale && stale.size <= fewAgents ? [...stale] : undefined
  const withConfigs = areConfigsStale
  stale.clear()
  isAllStale = areConfigsStale = false
  try {
    if (few === undefined) await Promise.all([readAll(), withConfigs ? readConfigs() : undefined])
    else for (const agent of await Promise.all(few.map((name) => get<Agent>(`/agent${at(name)}`)))) keep(agent)
    agentsProblem.value = undefined
  } catch (error) {
    agentsProblem.value = problemOf(error)
    readAt += refreshMs.afterFailure
    // Also when one of the few has gone.
    isAllStale = areConfigsStale = true
  }
  isReading = false
  if (isAllStale || stale.size > 0) soon()
}

async function readAll(): Promise<void> {
  const found: Agent[] = []
  for await (const page of pages<Agent>('/agent', { limit: 500 })) found.push(...page)
  const now = found.map(({ name }) => name)
  if (now.join() === names.value.join()) return redraw(found.filter(hasChanged))
  batch(() => {
    for (const name of summaries.keys()) if (!now.includes(name)) summaries.delete(name)
    for (const agent of found) keep(agent)
    names.value = now
    agentNames.value = now
  })
}

/** A few in each frame, so that the page stays smooth while all agents are busy. */
async function redraw(changed: readonly Agent[]): Promise<void> {
  agentNames.value ??= names.value
  for (let i = 0; i < changed.length; i += perFrame) {
    batch(() => {
      for (const agent of changed.slice(i, i + perFrame)) keep(agent)
    })
    await new Promise((resolve) => setTimeout(resolve, frameMs))
  }
}

async function readConfigs(): Promise<void> {
  const found = new Map<string, Config>()
  for await (const page of pages<Config>('/config', { limit: 500 }))
    for (const config of page) found.set(config.name, config)
  configs.value = found
}

function hasChanged(agent: Agent): boolean {
  return JSON.stringify(summaries.get(agent.name)?.peek()) !== JSON.stringify(agent)
}

function keep(agent: Agent): void {
  const known = summaries.get(agent.name)
  if (known === undefined) summaries.set(agent.name, signal(agent))
  else if (hasChanged(agent)) known.value = agent
}
