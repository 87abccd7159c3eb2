import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { writePackage } from '../src/packages/write.ts'
import { parsePath } from '../src/resources/path.ts'
import type { Change } from '../src/resources/resource.ts'
import type { Caller } from './calls.ts'
import type { Installation } from './installation.ts'
import { bytesOf } from './numbers.ts'

/** A command that was accepted. */
export interface Sent {
  readonly agent: string
  readonly number: number
  readonly id: string
}

interface Accepted {
  readonly id: string
}

interface CommandView {
  readonly state: string
  readonly agents: readonly { readonly package?: string }[]
}

/** Paths that have a number, for those who look; `flag` is deleted now and then. */
export const streamFiles = ['content/a', 'content/b/c', 'content/b/d']
export const pageFiles = ['content/a', 'content/b/c']
export const flag = 'content/flag'
export const errorFiles = ['a', 'b', 'c']

/** Where the `errors` agent puts this number. */
export function errorFolder(number: number): string {
  return `content/n-${String(number).padStart(6, '0')}`
}

/** Sends number after number to one agent until `over`, each until it is accepted. */
export type Sender = (installation: Installation, over: () => boolean, sent: (one: Sent) => void) => Promise<void>

async function command(caller: Caller, path: string, number: number, call: object): Promise<string> {
  const headers = { 'idempotency-key': `number-${number}`, prefer: 'wait=0' }
  return (await caller.insist<Accepted>('POST', path, { ...call, headers })).body.id
}

/** Ready-made packages, some too large to pass by in one piece. */
export const sendStream: Sender = async ({ clients, folder }, over, sent) => {
  const file = join(folder, 'stream.zip')
  for (let number = 1; !over(); number++) {
    const sizes = { 'content/a': 500, 'content/b/c': 30_000, 'content/b/d': number % 10 === 0 ? 500_000 : 3000 }
    const files = number % 4 === 0 ? { ...sizes, [flag]: 200 } : sizes
    const isDelete = number % 4 === 2
    const changes = isDelete ? [deleteOf(flag)] : Object.entries(files).map(([path, size]) => put(path, number, size))
    await writePackage(
      {
        ...{ format: 1, mode: 'update', action: isDelete ? 'delete' : 'add' },
        roots: [parsePath(isDelete ? `/${flag}` : '/content')],
      },
      each(changes),
      { file, signal: new AbortController().signal },
    )
    const zip = readFileSync(file)
    rmSync(file)
    sent({ agent: 'stream', number, id: await command(clients, '/agent/stream/import', number, { zip }) })
    await pause(100)
  }
}

/** A source that changes as soon as it has been read. */
export const sendPages: Sender = async ({ clients, source }, over, sent) => {
  for (let number = 1; !over(); number++) {
    const isDelete = number % 3 === 2
    if (isDelete) rmSync(join(source, flag), { force: true })
    else for (const path of [...pageFiles, flag]) plant(join(source, path), bytesOf(number, 5000))
    const json = isDelete ? { action: 'delete', paths: [`/${flag}`] } : { paths: pathsOfPages }
    const id = await command(clients, '/agent/pages/replicate', number, { json })
    sent({ agent: 'pages', number, id })
    for (;;) {
      const { body } = await clients.insist<CommandView>('GET', `/commands/${id}`)
      if (body.agents[0]?.package !== undefined || body.state === 'failed') break
      await pause(50)
    }
    await pause(100)
  }
}

const pathsOfPages = [...pageFiles, flag].map((path) => `/${path}`)

/** Other paths each time; now and then what was given up is moved back. */
export const sendErrors: Sender = async (installation, over, sent) => {
  const { clients, source } = installation
  for (let number = 1; !over(); number++) {
    const place = errorFolder(number)
    for (const name of errorFiles) plant(join(source, place, name), bytesOf(number, 2000))
    const json = { paths: [`/${place}`] }
    sent({ agent: 'errors', number, id: await command(clients, '/agent/errors/replicate', number, { json }) })
    if (number % 20 === 0) await moveBack(clients)
    await pause(300)
  }
}

/** Moves everything that was given up back to where it was. Answers how much there was. */
export async function moveBack(caller: Caller): Promise<number> {
  const queue = '/agent/errors/queues/error-far'
  const items = await caller.list<{ id: string }>(queue)
  for (const { id } of items)
    // Moved already, if an answer got lost: it may even be on its way again.
    await caller.insist('POST', `${queue}/items/${id}/move`, { json: { to: 'far' } }, [404, 409])
  return items.length
}

/** Sources are read while they change when a reader is late, and what he makes of it must then count for nothing. */
function plant(file: string, bytes: Buffer): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bytes)
}

function put(path: string, number: number, size: number): Change {
  return { kind: 'put', resource: { path: parsePath(`/${path}`), content: () => bytesOf(number, size) } }
}

function deleteOf(path: string): Change {
  return { kind: 'delete', path: parsePath(`/${path}`), deep: true }
}

// eslint-disable-next-line typescript/require-await
async function* each(changes: readonly Change[]): AsyncGenerator<Change> {
  yield* changes
}
