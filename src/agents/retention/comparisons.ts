import { decodeTime } from 'ulid'
import { below, scan, type Store } from '../../state/store.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { commandKey, letGo, type Command } from '../commands/records.ts'
import { foldBase } from '../comparisons/ancestors.ts'
import {
  applicationKey,
  applicationPrefix,
  baseLogPrefix,
  basePrefix,
  comparisonPrefix,
  replacedPrefix,
  type Application,
  type BaseChange,
  type BaseRecord,
  type Comparison,
  type Replaced,
} from '../comparisons/records.ts'
import type { Parts } from '../parts.ts'
import { keptBy } from './history.ts'

type Kept = Pick<Parts, 'store' | 'packages' | 'rowFiles' | 'roster' | 'log'>

const dayMs = 24 * 3_600_000
/** Rows that nothing refers to yet may be about to be referred to. */
const graceMs = 24 * 3_600_000

/**
 * Forgets what commands that applied a comparison have kept, once they ended longer ago than their agent keeps its history: they
 * cannot be undone any more. And comparisons that are older than that, unless there is still such a command.
 */
export async function forgetComparisons({ store, rowFiles }: Kept, now: number, signal: AbortSignal): Promise<void> {
  const needed = new Set<string>()
  for await (const { value, version } of scan<Application>(store, below(applicationPrefix))) {
    if (signal.aborted) return
    const comparison = (await store.get<Comparison>(`${comparisonPrefix}${value.comparison}`))?.value
    if (comparison !== undefined && !(await isApplicationOver(store, value.command, comparison, now))) {
      needed.add(comparison.id)
      // What it takes back is its source.
      if (comparison.reverts !== undefined && (await isOpen(store, value.command))) {
        const undone = await store.get<Application>(applicationKey(comparison.reverts))
        if (undone !== undefined) needed.add(undone.value.comparison)
      }
      continue
    }
    await forgetApplication({ store, rowFiles }, value, version, now)
  }
  for await (const { key, value } of scan<Comparison>(store, below(comparisonPrefix))) {
    if (signal.aborted) return
    if (needed.has(value.id) || !(await isOver(store, value.agent, value.createdAt, now))) continue
    await store.commit({ writes: [{ delete: key }] })
    await rowFiles.remove(value.rows)
  }
}

async function forgetApplication(
  { store, rowFiles }: Pick<Kept, 'store' | 'rowFiles'>,
  { plan, rebase, rebaseBack, results, undo, command }: Application,
  version: string,
  now: number,
): Promise<void> {
  const key = applicationKey(command)
  const { ok } = await store.commit({
    checks: [{ key, version }],
    writes: [{ delete: key }, ...(undo === undefined ? [] : letGo([undo as PackageId], new Date(now)))],
  })
  if (ok) for (const file of [plan, rebase, rebaseBack, results]) if (file !== undefined) await rowFiles.remove(file)
}

/** A command that still waits for its turn is not over, however old it is. */
async function isApplicationOver(store: Store, id: string, { agent }: Comparison, now: number): Promise<boolean> {
  const command = (await store.get<Pick<Command, 'finishedAt'>>(commandKey(id)))?.value
  if (command === undefined) return true
  return command.finishedAt !== undefined && (await isOver(store, agent, command.finishedAt, now))
}

/** What mirrors have replaced is kept for as long as what applications have. */
export async function forgetReplaced({ store, rowFiles }: Kept, now: number, signal: AbortSignal): Promise<void> {
  for await (const { key, value, version } of scan<Replaced>(store, below(replacedPrefix))) {
    if (signal.aborted) return
    const { agent, command, undo, written, rebaseBack } = value
    const isKept = !(await isOver(store, agent, new Date(decodeTime(command)).toISOString(), now))
    if (isKept || (await isOpen(store, command))) continue
    const { ok } = await store.commit({
      checks: [{ key, version }],
      writes: [{ delete: key }, ...letGo([undo as PackageId], new Date(now))],
    })
    if (ok) for (const file of [written, rebaseBack]) await rowFiles.remove(file)
  }
}

async function isOpen(store: Store, command: string): Promise<boolean> {
  const found = await store.get<Pick<Command, 'finishedAt'>>(commandKey(command))
  return found !== undefined && found.value.finishedAt === undefined
}

async function isOver(store: Store, agent: string, createdAt: string, now: number): Promise<boolean> {
  const { keepDays } = await keptBy(store, agent)
  return Date.parse(createdAt) < now - keepDays * dayMs
}

/** Writes down what targets have received since, while the packages are there that brought it. */
export async function foldBases(kept: Kept, signal: AbortSignal): Promise<void> {
  for (let { from, to } = below(baseLogPrefix); !signal.aborted;) {
    const [first] = await kept.store.range<BaseChange>({ from, to, limit: 1 })
    if (first === undefined) return
    const [, agent = '', target = ''] = first.key.split('/')
    const known = await kept.roster.find(agent)
    if (known?.targets.includes(target) === true) await foldBase(kept, known, target)
    else await forgetBase(kept, agent, target)
    from = below(`${baseLogPrefix}${agent}/${target}/`).to
  }
}

/** Of a target that is no more. */
async function forgetBase(
  { store, rowFiles }: Pick<Kept, 'store' | 'rowFiles'>,
  agent: string,
  target: string,
): Promise<void> {
  const key = `${basePrefix}${agent}/${target}`
  const record = await store.get<BaseRecord>(key)
  for await (const { key: change } of scan(store, below(`${baseLogPrefix}${agent}/${target}/`)))
    await store.commit({ writes: [{ delete: change }] })
  await store.commit({ writes: [{ delete: key }] })
  if (record?.value.rows !== undefined) await rowFiles.remove(record.value.rows)
}

/** Removes the files of rows that nothing refers to: what a crash left behind. It lists all, so it is for once a day. */
export async function sweepRows({ store, rowFiles, roster }: Kept, now: number, signal: AbortSignal): Promise<void> {
  const needed = new Set<string>()
  const need = (...files: readonly (string | undefined)[]): void => {
    for (const file of files) if (file !== undefined) needed.add(file)
  }
  const old: string[] = []
  for await (const { id, mtimeMs } of rowFiles.list()) if (mtimeMs < now - graceMs) old.push(id)
  for await (const { value } of scan<Comparison>(store, below(comparisonPrefix))) need(value.rows)
  for await (const { key, value } of scan<BaseRecord>(store, below(basePrefix))) {
    const [, agent = '', target = ''] = key.split('/')
    const known = await roster.find(agent)
    if (known?.targets.includes(target) === true) need(value.rows)
    else await forgetBase({ store, rowFiles }, agent, target)
  }
  for await (const { value } of scan<BaseChange>(store, below(baseLogPrefix))) need(value.rows)
  for await (const { value } of scan<Application>(store, below(applicationPrefix)))
    need(value.plan, value.rebase, value.rebaseBack, value.results)
  for await (const { value } of scan<Replaced>(store, below(replacedPrefix))) need(value.written, value.rebaseBack)
  for (const id of old) {
    if (signal.aborted) return
    if (!needed.has(id)) await rowFiles.remove(id)
  }
}
