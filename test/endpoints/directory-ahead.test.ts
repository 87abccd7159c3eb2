/** A folder of which another thread reads the small files ahead. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { run, type AheadOrder } from '../../src/endpoints/directory/ahead-thread.ts'
import { read } from '../../src/endpoints/directory/pieces.ts'
import type { AskAssistant } from '../../src/threads/assistant.ts'
import { noise } from '../packages/trees.ts'
import { onlyFolder } from './remembered-digests.ts'
import { makeFolder, never } from './trees.ts'

const mib = 1024 * 1024

/** Reads ahead on this thread's event loop, so that it is known when. */
const beside: AskAssistant = (_, order) => {
  const { port1, port2 } = new MessageChannel()
  void run(order as AheadOrder, port2, never).finally(() => port2.close())
  return port1
}

const nobody: AskAssistant = () => {
  const { port1, port2 } = new MessageChannel()
  port2.close()
  return port1
}

/** Breaks off behind so many answers. */
function dying(answers: number): AskAssistant {
  return (module, order) => {
    const { port1, port2 } = new MessageChannel()
    const inner = beside(module, order)
    let left = answers + 1
    const end = (): void => (inner.close(), port2.close())
    inner.on('message', (message: unknown) => {
      if (left-- === 0) end()
      else port2.postMessage(message)
    })
    port2.on('message', (message: unknown) => inner.postMessage(message))
    port2.on('close', end)
    return port1
  }
}

interface Seen {
  /** Path, type, digest of the content. */
  readonly entries: readonly (readonly [string, string, string?])[]
  /** So many files came with their sums. */
  readonly ahead: number
}

interface Asked {
  readonly cacheFolder?: string
  readonly signal?: AbortSignal
  readonly onPiece?: (pieces: number) => void
}

async function seen(
  root: string,
  ask: AskAssistant,
  { cacheFolder, signal = never, onPiece }: Asked = {},
): Promise<Seen> {
  const entries: [string, string, string?][] = []
  const order = { root, paths: ['/'], deep: true, filters: [{ exclude: '/b/*7' }], ...(cacheFolder && { cacheFolder }) }
  let [ahead, pieces] = [0, 0]
  let large: Buffer[] = []
  for await (const piece of read(order, () => undefined, signal, ask)) {
    onPiece?.(++pieces)
    if (!('items' in piece)) {
      large.push(Buffer.from(piece.bytes))
      if (!piece.last) continue
      piece.digest = hash('sha256', Buffer.concat(large))
      large = []
      entries.push(['', 'large', piece.digest])
      continue
    }
    let at = 0
    for (const item of piece.items)
      if (item.type === 'file') {
        const digest: string = hash('sha256', piece.bytes.subarray(at, (at += item.size)))
        if (item.sums !== undefined) {
          ahead++
          assert.equal(item.sums.digest, digest)
        }
        item.digest = digest
        entries.push([item.path, item.type, digest])
      } else if (item.type === 'folder') entries.push([item.path, item.type])
    assert.equal(at, piece.bytes.length)
  }
  return { entries, ahead }
}

/** Some 3,000 entries: small ones, folders, and some of more than a segment, and of one. */
function fill(root: string): void {
  for (const name of ['a', 'b', 'c', 'many', 'z']) mkdirSync(join(root, name))
  for (let i = 0; i < 1200; i++) mkdirSync(join(root, 'many', String(i)))
  for (const name of ['a', 'b', 'z'])
    for (let i = 0; i < 600; i++) writeFileSync(join(root, name, String(i)), `${name} ${i}`.repeat(i % 90))
  writeFileSync(join(root, 'b/550large'), noise(2 * mib + 1))
  writeFileSync(join(root, 'z/1large'), noise(mib + 1))
  for (let i = 0; i < 5; i++) writeFileSync(join(root, 'z', `2segment${i}`), noise(mib))
}

test('it is the same, in the same order, whoever reads it, and however much of it', async (t) => {
  const root = await makeFolder(t)
  fill(root)
  const alone = await seen(root, nobody)
  assert.equal(alone.ahead, 0)
  assert.equal(alone.entries.length, 1 + 5 + 1200 + 540 + 2 * 600 + 7)
  const helped = await seen(root, beside)
  assert.ok(helped.ahead > 1000, `${helped.ahead} files were read ahead`)
  assert.deepEqual(helped.entries, alone.entries)
  for (const answers of [0, 1, 3]) {
    const { entries, ahead } = await seen(root, dying(answers))
    assert.ok(ahead < helped.ahead)
    assert.deepEqual(entries, alone.entries, `it dies behind ${answers}`)
  }
})

test('nobody is asked to read ahead what is little', async (t) => {
  const root = await makeFolder(t)
  for (let i = 0; i < 1000; i++) writeFileSync(join(root, String(i)), '')
  const { entries } = await seen(root, () => assert.fail('somebody was asked'))
  assert.equal(entries.length, 1001)
})

test('what was read ahead is remembered as all else', async (t) => {
  const [root, folder] = [await makeFolder(t), await makeFolder(t)]
  fill(root)
  await setTimeout(2500)
  const remembered = async (ask: AskAssistant): Promise<readonly Buffer[]> => {
    const cacheFolder = join(folder, ask.name)
    await seen(root, ask, { cacheFolder })
    const place = onlyFolder(cacheFolder)
    return readdirSync(place)
      .map((name) => readFileSync(join(place, name)))
      .toSorted((a, b) => a.compare(b))
  }
  const alone = await remembered(nobody)
  assert.ok(alone.length > 0)
  assert.deepEqual(await remembered(beside), alone)
})

for (const [how, change, wanted] of [
  ['removed', (file) => rmSync(file), { code: 'unavailable', transient: true }],
  ['made a link', (file) => (rmSync(file), symlinkSync('/etc/passwd', file)), { code: 'unavailable', transient: true }],
  ['cut short', (file) => truncateSync(file, 1), undefined],
  ['swapped for one that is large', (file) => (rmSync(file), writeFileSync(file, noise(mib + 1))), undefined],
] as readonly (readonly [string, (file: string) => void, { code: string; transient: boolean } | undefined])[])
  test(`a file that is ${how} before it is read ahead is what it is then`, async (t) => {
    const root = await makeFolder(t)
    fill(root)
    const asked = { onPiece: (pieces: number): void => void (pieces === 1 && change(join(root, 'b/599'))) }
    if (wanted !== undefined) return assert.rejects(seen(root, beside, asked), wanted)
    const { entries } = await seen(root, beside, asked)
    assert.deepEqual(entries, (await seen(root, nobody)).entries)
  })

test('what another thread could not read is read here', async (t) => {
  const root = await makeFolder(t)
  for (let i = 0; i < 1100; i++) writeFileSync(join(root, String(i)), 'whole'.repeat(100))
  /** As if every file had changed while it was read. */
  const unable: AskAssistant = () => {
    const { port1, port2 } = new MessageChannel()
    let paths: readonly string[] = []
    const memory: ArrayBuffer[] = []
    const answer = (): void => {
      const into = paths.length === 0 ? undefined : memory.shift()
      if (into === undefined) return
      const facts = new Float64Array(7 * paths.length).fill(-1)
      paths = []
      port2.postMessage({ into, facts, digests: '' }, [into])
    }
    port2.on('message', (message: { paths: string[] } | { into: ArrayBuffer }) => {
      if ('into' in message) memory.push(message.into)
      else paths = [...paths, ...message.paths]
      answer()
    })
    port2.postMessage('ready')
    return port1
  }
  assert.deepEqual(await seen(root, unable), await seen(root, nobody))
})

test('a root that has become another folder meanwhile is not read ahead', async (t) => {
  const folder = await makeFolder(t)
  const root = join(folder, 'root')
  mkdirSync(root)
  fill(root)
  const alone = await seen(root, nobody)
  const swapped: AskAssistant = (module, order) => {
    renameSync(root, join(folder, 'was'))
    mkdirSync(root)
    assert.notEqual(lstatSync(root).ino, (order as AheadOrder).identity.ino)
    return beside(module, order)
  }
  assert.deepEqual(await seen(root, swapped), alone)
})

test('it ends when it is told to, though nothing comes', async (t) => {
  const root = await makeFolder(t)
  fill(root)
  const abort = new AbortController()
  let closed: Promise<unknown> | undefined
  const silent: AskAssistant = () => {
    const { port1, port2 } = new MessageChannel()
    closed = new Promise((resolve) => port2.once('close', resolve))
    let told = 0
    port2.on('message', (message: object) => {
      if ('paths' in message && ++told === 1) setImmediate(() => abort.abort())
    })
    port2.postMessage('ready')
    return port1
  }
  await assert.rejects(seen(root, silent, { signal: abort.signal }), { code: 'unavailable', message: 'stopped' })
  await closed
})

test('who reads ahead ends when it is told to', async (t) => {
  const root = await makeFolder(t)
  const { dev, ino } = lstatSync(root)
  const { port1, port2 } = new MessageChannel()
  const abort = new AbortController()
  const ended = run({ root, identity: { dev, ino } }, port2, abort.signal)
  await heard(port1)
  abort.abort()
  await ended
  port1.close()
})

async function heard(port: MessagePort): Promise<unknown> {
  return new Promise((resolve) => port.once('message', resolve))
}
