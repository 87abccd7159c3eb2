import { decodeTime } from 'ulid'
import { below, scan, type Store } from '../../state/store.ts'
import type { PackageId } from '../../packages/manifest.ts'
import { letGo } from '../commands/records.ts'
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

type Kept = Pick<Parts, 'store' | 'packages' | 'rowFiles' | 'roster'>

const dayMs = 24 * 3_600_000
/** Rows that nothing refers to yet may be about to be referred to. */
const graceMs = 24 * 3_600_000

/**
 * Forgets comparisons that are older than their agent keeps its history, and with them what their applications have kept: they
 * cannot be undone any more.
 */
export async function forgetComparisons({ store, rowFiles }: Kept, now: number, signal: AbortSignal): Promise<void> {
  for await (const { key, value } of scan<Comparison>(store, below(comparisonPrefix))) {
    if (signal.aborted) return
    if (!(await isOver(store, value.agent, value.createdAt, now))) continue
    await store.commit({ writes: [{ delete: key }] })
    await rowFiles.remove(value.rows)
  }
  for await (const { value, version } of scan<Application>(store, below(applicationPrefix))) {
    if (signal.aborted) return
    if ((await store.get(`${comparisonPrefix}${value.comparison}`)) !== undefined) continue
    const { plan, rebase, rebaseBack, results, undo, command } = value
    const key = applicationKey(command)
    // A command that still waits for its turn is not over, however old it is.
    if (await isOpen(store, command)) continue
    const { ok } = await store.commit({
      checks: [{ key, version }],
      writes: [{ delete: key }, ...(undo === undefined ? [] : letGo([undo as PackageId], new Date(now)))],
    })
    if (ok) for (const file of [plan, rebase, rebaseBack, results]) if (file !== undefined) await rowFiles.remove(file)
  }
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
  const found = await store.get<{ finishedAt?: string }>(`command/${command}`)
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
async function forgetBase({ store, rowFiles }: Kept, agent: string, target: string): Promise<void> {
  const key = `${basePrefix}${agent}/${target}`
  const record = await store.get<BaseRecord>(key)
  for await (const { key: change } of scan(store, below(`${baseLogPrefix}${agent}/${target}/`)))
    await store.commit({ writes: [{ delete: change }] })
  await store.commit({ writes: [{ delete: key }] })
  if (record?.value.rows !== undefined) await rowFiles.remove(record.value.rows)
}

/** Removes the files of rows that nothing refers to: what a crash left behind. It lists all, so it is for once a day. */
export async function sweepRows({ store, rowFiles }: Kept, now: number, signal: AbortSignal): Promise<void> {
  const needed = new Set<string>()
  const need = (...files: readonly (string | undefined)[]): void => {
    for (const file of files) if (file !== undefined) needed.add(file)
  }
  const old: string[] = []
  for await (const { id, mtimeMs } of rowFiles.list()) if (mtimeMs < now - graceMs) old.push(id)
  for await (const { value } of scan<Comparison>(store, below(comparisonPrefix))) need(value.rows)
  for await (const { value } of scan<BaseRecord>(store, below(basePrefix))) need(value.rows)
  for await (const { value } of scan<BaseChange>(store, below(baseLogPrefix))) need(value.rows)
  for await (const { value } of scan<Application>(store, below(applicationPrefix)))
    need(value.plan, value.rebase, value.rebaseBack, value.results)
  for await (const { value } of scan<Replaced>(store, below(replacedPrefix))) need(value.written, value.rebaseBack)
  for (const id of old) {
    if (signal.aborted) return
    if (!needed.has(id)) await rowFiles.remove(id)
  }
}
