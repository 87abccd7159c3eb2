/** Two servers, of which one mirrors small trees to the other: it makes four parts of ten files. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Receipt } from '../../src/endpoints/endpoint.ts'
import { program, scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'
import type { Command, HistoryEntry, Page } from './views.ts'

export const folder = scratch()
export const far = await Server.start()
export const near = await Server.prepare()
export const modules = {
  parts: new URL('./small-parts.js?entries=3', import.meta.url).href,
  held: new URL('./held-parts.js', import.meta.url).href,
  trap: new URL('./crash-points/trap.js', import.meta.url).href,
}

/** A server with these loaded into it. */
export function loading(...these: readonly string[]): [string, ...string[]] {
  return [process.execPath, ...these.flatMap((module) => ['--import', module]), program]
}

await near.launch(loading(modules.parts))

interface Site {
  readonly name: string
  readonly source: string
  readonly target: string
}

const numbers = Array.from({ length: 10 }, (_, i) => i)
/** The folder and ten files, which is four parts. */
export const files = (version: string): Record<string, string> =>
  Object.fromEntries(numbers.map((i) => [`content/${i}`, `${version} of ${i}`]))
export const deletes = { maxPercent: 100, maxCount: 100 }

/** An agent of this name at both servers. */
export async function site(name: string, { nearly = {}, farther = {}, url = far.client.origin } = {}): Promise<Site> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, files('first'))
  plant(target, { content: null })
  await far.client.agent({ name, targets: [{ name: 'tree', kind: 'directory', path: target }], deletes, ...farther })
  await near.client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'far', kind: 'remote', url, agent: name }],
    deletes,
    ...nearly,
  })
  return { name, source, target }
}

export type Mirror = Command & {
  readonly agents: readonly { readonly parts?: { readonly done: number; readonly total: number } }[]
}
type FarCommand = Command & { readonly delivery?: string }

export const asked = { paths: ['/content'], mode: 'mirror' }

export async function mirrored({ name, source, target }: Site): Promise<Mirror> {
  const command = (await near.client.deliver(name, asked)) as Mirror
  assertSameTree(join(target, 'content'), join(source, 'content'))
  return command
}

export async function farCommands(name: string): Promise<FarCommand[]> {
  const { body } = await far.client.get<Page<HistoryEntry & { command: string }>>(`/agent/${name}/import/history`)
  return Promise.all(body.items.map(({ command }) => far.client.command(command) as Promise<FarCommand>))
}

/** The deliveries of which the target has receipts, each behind the far command's id. */
export function receiptsIn(target: string): string[] {
  const own = join(target, '.trebuchet')
  const lane = readdirSync(own).find((name) => readdirSync(join(own, name)).includes('receipts'))
  const lines = readFileSync(join(own, lane ?? '', 'receipts'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => (JSON.parse(line) as Receipt).delivery)
}
