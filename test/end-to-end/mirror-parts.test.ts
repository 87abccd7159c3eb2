/** Mirrors of large trees to another server: it is brought their parts, and applies them once it has their index. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Receipt } from '../../src/endpoints/endpoint.ts'
import { until } from './client.ts'
import { program, scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'
import type { Command, HistoryEntry, Page } from './views.ts'

const folder = scratch()
const far = await Server.start()
const near = await Server.prepare()
const modules = {
  parts: new URL('./small-parts.js?entries=3', import.meta.url).href,
  held: new URL('./held-parts.js', import.meta.url).href,
  trap: new URL('./crash-points/trap.js', import.meta.url).href,
}

/** A server with these loaded into it. */
function loading(...these: readonly string[]): [string, ...string[]] {
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
const files = (version: string): Record<string, string> =>
  Object.fromEntries(numbers.map((i) => [`content/${i}`, `${version} of ${i}`]))
/** What is smaller is sent as it is, whatever is known of a target, and written by another hand. */
const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`content/more/${i}`, `${i}`]))
const deletes = { maxPercent: 100, maxCount: 100 }

/** An agent of this name at both servers. */
async function site(name: string, { nearly = {}, farther = {}, url = far.client.origin } = {}): Promise<Site> {
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

type Mirror = Command & {
  readonly agents: readonly { readonly parts?: { readonly done: number; readonly total: number } }[]
}
type FarCommand = Command & { readonly delivery?: string }

const asked = { paths: ['/content'], mode: 'mirror' }

async function mirrored({ name, source, target }: Site): Promise<Mirror> {
  const command = (await near.client.deliver(name, asked)) as Mirror
  assertSameTree(join(target, 'content'), join(source, 'content'))
  return command
}

async function farCommands(name: string): Promise<FarCommand[]> {
  const { body } = await far.client.get<Page<HistoryEntry & { command: string }>>(`/agent/${name}/import/history`)
  return Promise.all(body.items.map(({ command }) => far.client.command(command) as Promise<FarCommand>))
}

/** The deliveries of which the target has receipts, each behind the far command's id. */
function receiptsIn(target: string): string[] {
  const own = join(target, '.trebuchet')
  const lane = readdirSync(own).find((name) => readdirSync(join(own, name)).includes('receipts'))
  const lines = readFileSync(join(own, lane ?? '', 'receipts'), 'utf8')
    .trim()
    .split('\n')
  return lines.map((line) => (JSON.parse(line) as Receipt).delivery)
}

test('a mirror of a large tree is brought to another server in parts, and applied by its index', async () => {
  const here = await site('large')
  plant(here.target, { 'content/extra/e': 'e', 'content/3': 'old', 'outside/o': 'o' })
  const command = await mirrored(here)
  assert.deepEqual(command.agents[0]?.parts, { done: 4, total: 4 })
  assert.equal(textAt(here.target, 'outside/o'), 'o')
  const [one, ...others] = await farCommands('large')
  assert.deepEqual(others, [])
  assert.equal(one?.delivery, `${command.id}/large/far/mirror`)
  assert.equal(one.agents[0]?.package, command.agents[0].package)
  assert.deepEqual(
    receiptsIn(here.target),
    ['1', '2', '3', '4', 'mirror'].map((part) => `${one.id}/large/tree/${part}`),
  )
  const receipt = command.agents[0].targets[0]?.receipt as Receipt | undefined
  assert.deepEqual([receipt?.delivery, receipt?.entries], [`${command.id}/large/far`, 11])
})

test('what a mirror in parts has replaced at another server comes back', async () => {
  const here = await site('undone')
  plant(here.target, { 'content/extra/e': 'e', 'content/3': 'old' })
  const before = treeOf(join(here.target, 'content'))
  const { id } = await mirrored(here)
  const { status, body } = await near.client.post<{ id: string }>(`/commands/${id}/revert`, { json: {} })
  assert.equal(status, 201)
  const applied = await near.client.post<{ id: string }>(`/comparisons/${body.id}/apply`, {
    json: { allowDeletes: true },
  })
  assert.equal(applied.status, 202, applied.text)
  assert.equal((await near.client.finished(applied.body.id)).state, 'succeeded')
  assertSameTree(join(here.target, 'content'), before)
})

test('a mirror in parts that the far guard refuses changes nothing there', async () => {
  const giveUp = { onFailure: 'error-queue', attempts: 1 }
  const farther = { deletes: { maxPercent: 100, maxCount: 2 }, queue: giveUp }
  const here = await site('guarded', { farther, nearly: { queue: giveUp } })
  plant(here.target, { 'content/x': 'x', 'content/y': 'y', 'content/z': 'z', 'content/3': 'old' })
  const before = treeOf(here.target)
  const command = await near.client.replicate('guarded', asked)
  assert.equal(command.state, 'failed')
  assert.match(command.agents[0]?.targets[0]?.error?.detail ?? '', /guard/)
  assert.deepEqual(treeOf(here.target), before)
  const [refused] = await farCommands('guarded')
  assert.equal(refused?.agents[0]?.targets[0]?.error?.code, 'conflict')
})

test('what the far agent preserves of its documents stays in a mirror in parts', async () => {
  const farther = { preserve: [{ paths: ['/content/*.json'], at: ['/own'] }] }
  const here = await site('preserving', { farther })
  plant(here.source, { 'content/a.json': '{"own":"theirs","text":"new"}', 'content/z.json': '{"own":"theirs"}' })
  plant(here.target, { 'content/a.json': '{"own":"ours","text":"old"}', 'content/x.json': '{}' })
  const { agents } = (await near.client.deliver('preserving', asked)) as Mirror
  assert.deepEqual(agents[0]?.parts, { done: 5, total: 5 })
  const there = (name: string): unknown => JSON.parse(textAt(here.target, `content/${name}`) ?? 'null')
  assert.deepEqual(there('a.json'), { own: 'ours', text: 'new' })
  assert.deepEqual(there('x.json'), null)
})

test('a mirror of which the far target lacks what it was said to hold is brought once more with all of it', async () => {
  const here = await site('lacking')
  plant(here.source, many)
  await mirrored(here)
  // Both are in the first part.
  plant(here.source, { 'content/0': 'second' })
  plant(here.target, { 'content/1': 'another' })
  const command = await mirrored(here)
  assert.equal(command.agents[0]?.targets[0]?.attempts, 2)
  const { delta } = command.agents[0] as { delta?: { files: number } }
  assert.equal(delta?.files, 1)
})

test('a mirror that is cancelled when two parts were brought has changed nothing, and the next one is made anew', async () => {
  const here = await site('cancelled')
  plant(here.source, many)
  plant(here.target, { 'content/extra/e': 'e' })
  const before = treeOf(here.target)
  await near.end()
  await near.launch(loading(modules.parts, modules.held))
  const id = await near.client.send('cancelled', asked)
  await until('two parts to be brought', async () => {
    const [target] = (await near.client.command(id)).agents[0]?.targets ?? []
    return (target as { brought?: { parts: number } } | undefined)?.brought?.parts === 2
  })
  assert.equal((await near.client.post(`/commands/${id}/cancel`, { json: {} })).status, 200)
  assert.equal((await near.client.finished(id)).state, 'cancelled')
  await near.crash()
  await near.launch(loading(modules.parts))
  assert.deepEqual(treeOf(here.target), before)
  assert.deepEqual(await farCommands('cancelled'), [])
  await mirrored(here)
})

test('a server that is killed when two parts were brought brings the rest, and those not again', async () => {
  const here = await site('killed')
  plant(here.source, many)
  plant(here.target, { 'content/extra/e': 'e' })
  await near.end()
  await near.launch(loading(modules.parts, modules.held))
  const id = await near.client.send('killed', asked)
  const brought = await until('two parts to be brought', async () => {
    const [target] = (await near.client.command(id)).agents[0]?.targets ?? []
    const so = (target as { brought?: { parts: number } } | undefined)?.brought
    return so?.parts === 2 && so
  })
  assert.deepEqual(brought, { parts: 2, entries: 6, bytes: 50 })
  await near.crash()
  plant(here.source, { 'content/9': 'another' })
  await near.launch(loading(modules.parts))
  const { state, agents } = (await near.client.finished(id)) as Mirror
  assert.equal(state, 'succeeded')
  assertSameTree(join(here.target, 'content'), join(here.source, 'content'))
  const { body } = await far.client.get<Page<{ operation: string }>>('/audit', {
    query: { agent: 'killed', limit: 500 },
  })
  const sent = body.items.filter(({ operation }) => operation === 'bringPackage').length
  assert.equal(sent, agents[0]?.parts?.total)
})

/** Before the far server: it knows nothing of parts that are brought, as an older one. */
async function olderFar(): Promise<string> {
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    if (/\/import\/[a-z]+$/.test(url)) {
      request.resume()
      const problem = {
        type: 'about:blank',
        title: 'Not Found',
        status: 404,
        detail: 'there is nothing',
        code: 'missing',
      }
      response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
      return
    }
    const onward = ask({ port: far.port, host: '127.0.0.1', method, path: url, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('an older server gets a mirror as one package', async () => {
  const here = await site('older', { url: await olderFar() })
  plant(here.target, { 'content/extra/e': 'e' })
  const { agents } = await mirrored(here)
  assert.equal(agents[0]?.parts, undefined)
  const { body } = await near.client.get<{ mode: string; entries: number }>(`/packages/${agents[0]?.package ?? ''}`)
  assert.deepEqual([body.mode, body.entries], ['mirror', 11])
})

test('a far agent that cannot count what it removes gets a mirror as one package, also behind another server', async () => {
  const file = join(folder, 'documents.json')
  plant(folder, { 'documents.json': '{}' })
  await far.client.agent({ name: 'behind', targets: [{ name: 'tree', kind: 'file', path: file }], deletes })
  await near.client.agent({
    name: 'between',
    targets: [{ name: 'far', kind: 'remote', url: far.client.origin, agent: 'behind' }],
  })
  const needed = async (server: Server, agent: string, further: number): Promise<unknown> => {
    const { body } = await server.client.post(`/agent/${agent}/import/needed`, { json: { packages: [], further } })
    return body
  }
  assert.deepEqual(await needed(far, 'behind', 0), { needed: [], mirrorsInParts: false })
  assert.deepEqual(await needed(near, 'between', 3), { needed: [], mirrorsInParts: false })
  const here = await site('passed')
  assert.deepEqual(await needed(near, 'passed', 1), { needed: [], mirrorsInParts: true })
  // Nobody asks on and on.
  assert.deepEqual(await needed(near, 'passed', 0), { needed: [], mirrorsInParts: false })
  rmSync(here.source, { recursive: true })
})

/** So many deaths of each server; CRASH_POINTS=all takes every step. */
const wanted = process.env['CRASH_POINTS'] ?? '3'

for (const victim of ['near', 'far'] as const)
  test(`a mirror in parts ends as it should, wherever the ${victim} server is killed in it`, async (t) => {
    const name = `trapped-${victim}`
    const here = await site(name)
    const server = victim === 'near' ? near : far
    const always = victim === 'near' ? [modules.parts] : []
    let round = 0
    const run = async (at: number): Promise<{ readonly died: boolean; readonly steps: number }> => {
      plant(here.source, files(`version ${++round}`))
      plant(here.target, { [`content/extra-${round}/e`]: 'e' })
      await server.end()
      const from = server.output.length
      server.spawn(loading(...always, `${modules.trap}?at=${at}`))
      let died = false
      const end = server.death().then(async ({ signal }) => {
        died = signal === 'SIGKILL'
        if (died) await server.launch(loading(...always))
      })
      const begun = async (): Promise<boolean> => died || (await fetch(`${server.client.origin}/health/ready`)).ok
      await until('the server to have begun, or died', begun)
      const key = `${name}-${round}`
      const id = await until('the mirror to be accepted', async () => {
        const headers = { 'idempotency-key': key }
        const { status, body } = await near.client.post<{ id: string }>(`/agent/${name}/replicate`, {
          json: asked,
          headers,
        })
        return status === 202 && body.id
      })
      const ended = await until('the mirror to end', async () => {
        const command = await near.client.command(id)
        return ['succeeded', 'failed', 'partial'].includes(command.state) && command
      })
      assert.equal(ended.state, 'succeeded', `at step ${at}: ${JSON.stringify(ended)}`)
      assertSameTree(join(here.target, 'content'), join(here.source, 'content'))
      const own = (await farCommands(name)).filter(({ delivery }) => delivery?.startsWith(id) === true)
      assert.deepEqual(
        own.map(({ state }) => state),
        ['succeeded'],
        `at step ${at}`,
      )
      const applied = receiptsIn(here.target).filter((delivery) => delivery.startsWith(own[0]?.id ?? '?'))
      assert.deepEqual(
        applied.map((delivery) => delivery.split('/').at(-1)),
        ['1', '2', '3', '4', 'mirror'],
        `each once, at step ${at}`,
      )
      if (!died) await server.ended('SIGTERM')
      await end
      const steps = [...server.output.slice(from).matchAll(/^step \d+: (.*)$/gm)]
      if (died) t.diagnostic(`step ${at}: ${steps.at(-1)?.[1]}`)
      else await server.launch(loading(...always))
      return { died, steps: steps.length }
    }
    const { steps } = await run(1_000_000)
    assert.ok(steps > 30, `${steps} steps`)
    const offset = Math.random()
    const samples = wanted === 'all' ? steps : Number(wanted)
    let deaths = 0
    for (let i = 0; i < samples; i++)
      if ((await run(wanted === 'all' ? i : Math.floor(((i + offset) / samples) * steps))).died) deaths++
    assert.ok(deaths > 0)
  })
