/** An application whose server dies: it ends after the next start, whole, and what the target held can be taken back. */
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isFinished, until } from './client.ts'
import { program, scratch, Server } from './server.ts'
import type { Command } from './views.ts'

/** It is much that is done anew, on a machine that may be busy. */
const longMs = 300_000

const folder = scratch()
const withSmallParts = [
  ...[process.execPath, '--import', new URL('./small-parts.js', import.meta.url).href],
  program,
] as const
const server = await Server.prepare()
await server.launch(withSmallParts)
const { client } = server
interface Comparison {
  readonly id: string
  readonly counts: Readonly<Record<string, number>>
}

async function post<T>(path: string, json: object): Promise<T> {
  const { status, body, text } = await client.post<T>(path, { json })
  assert.ok(status < 300, text)
  return body
}

async function compare(): Promise<Comparison> {
  return post<Comparison>('/agent/a/compare', {})
}

/** Kills the server up to so often while the command is under way, after some time each. */
async function endKilled(id: string, kills: number, afterMs: number, told: (text: string) => void): Promise<void> {
  for (let i = 0; i < kills && !isFinished(await client.command(id)); i++) {
    const delay = Math.floor(Math.random() * afterMs)
    told(`killed after ${delay} ms`)
    await pause(delay)
    await server.crash()
    await server.launch(withSmallParts)
  }
  const command = await until(
    `command ${id} to end`,
    async () => {
      const found = await client.command(id)
      return isFinished(found) ? found : undefined
    },
    longMs,
  )
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
}

for (const [what, many, kind, prepare] of [
  ['of many files', 400, 'directory', plantFiles],
  // Three packages, of which none may hold more than `small-parts.ts` says.
  ['of several parts', 700, 'file', plantDocuments],
] as const)
  test(`killed again and again, an application ${what} ends whole, and is taken back whole`, async (t) => {
    const { source, target } = prepare(many)
    const endpoint = (path: string): object => ({ kind, path, ...(kind === 'file' && { schema: 'simple' }) })
    const { status, text } = await client.call('PUT', '/replication/config/a', {
      json: { name: 'a', source: endpoint(source), targets: [{ name: 'default', ...endpoint(target) }] },
    })
    assert.ok(status < 300, text)
    const before = await compare()
    assert.deepEqual(
      ['added', 'changed', 'deleted'].map((name) => before.counts[name]),
      [many - 200, 200, 100],
    )
    const told = (line: string): void => t.diagnostic(line)
    const { id } = await post<Command>(`/comparisons/${before.id}/apply`, { preset: 'complete', allowDeletes: true })
    await endKilled(id, 2, 400, told)
    assert.deepEqual((await compare()).counts, { added: 0, existing: many, changed: 0, deleted: 0, conflicts: 0 })
    const reverting = await post<Comparison>(`/commands/${id}/revert`, {})
    const allowed = { allowDeletes: true, overrideGuard: 'as it was' }
    await endKilled((await post<Command>(`/comparisons/${reverting.id}/apply`, allowed)).id, 1, 400, told)
    assert.deepEqual((await compare()).counts, before.counts)
  })

interface Places {
  readonly source: string
  readonly target: string
}

function plantFiles(many: number): Places {
  const at = { source: join(folder, 'source'), target: join(folder, 'target') }
  for (const [side, from, to, content] of sides(at, many)) {
    for (let i = 0; i < 20; i++) mkdirSync(join(side, `f${i}`), { recursive: true })
    for (let i = from; i < to; i++) writeFileSync(join(side, `f${i % 20}/${i}.txt`), content)
  }
  return at
}

function plantDocuments(many: number): Places {
  const at = { source: join(folder, 'source.ndjson'), target: join(folder, 'target.ndjson') }
  for (const [side, from, to, content] of sides(at, many)) {
    const lines: string[] = []
    for (let i = from; i < to; i++) lines.push(JSON.stringify({ type: 'thing', id: String(i), content }))
    writeFileSync(side, `${lines.join('\n')}\n`)
  }
  return at
}

/** What both have differs, and some is at the target alone. */
function sides({ source, target }: Places, many: number): (readonly [string, number, number, string])[] {
  return [
    [source, 0, many, 'new'],
    [target, many - 200, many + 100, 'old'],
  ]
}
