/** Mirrors of large trees to another server: it is brought their parts, and applies them once it has their index. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { createServer, request as ask } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Receipt } from '../../src/endpoints/endpoint.ts'
import { until } from './client.ts'
import {
  asked,
  deletes,
  far,
  farCommands,
  folder,
  loading,
  mirrored,
  modules,
  near,
  receiptsIn,
  site,
  type Mirror,
} from './mirror-sites.ts'
import type { Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'
import type { Page } from './views.ts'

/** What is smaller is sent as it is, whatever is known of a target. */
const large = { 'content/large': 'large '.repeat(200_000) }

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
  assert.deepEqual(agents[0]?.parts, { done: 4, total: 4 })
  const there = (name: string): unknown => JSON.parse(textAt(here.target, `content/${name}`) ?? 'null')
  assert.deepEqual(there('a.json'), { own: 'ours', text: 'new' })
  assert.deepEqual(there('x.json'), null)
})

test('a mirror of which the far target lacks what it was said to hold is brought once more with all of it', async () => {
  const here = await site('lacking')
  plant(here.source, large)
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
  plant(here.target, { 'content/extra/e': 'e' })
  await near.end()
  await near.launch(loading(modules.parts, modules.held))
  const id = await near.client.send('killed', asked)
  const brought = await until('two parts to be brought', async () => {
    const [target] = (await near.client.command(id)).agents[0]?.targets ?? []
    const so = (target as { brought?: { parts: number } } | undefined)?.brought
    return so?.parts === 2 && so
  })
  assert.deepEqual(brought, { parts: 2, entries: 7, bytes: 60 })
  await near.crash()
  plant(here.source, { 'content/9': 'another' })
  await near.launch(loading(modules.parts))
  const { state, agents } = (await near.client.finished(id)) as Mirror
  assert.equal(state, 'succeeded')
  assertSameTree(join(here.target, 'content'), join(here.source, 'content'))
  const total = agents[0]?.parts?.total ?? 0
  assert.equal(await timesBrought('killed', total), total)
})

/** How often a part was brought, once so many were: they are in the audit log a little later. */
async function timesBrought(agent: string, atLeast: number): Promise<number> {
  return until('what was brought to be in the audit log', async () => {
    const { body } = await far.client.get<Page<{ operation: string }>>('/audit', { query: { agent, limit: 500 } })
    const { length } = body.items.filter(({ operation }) => operation === 'bringPackage')
    return length >= atLeast && length
  })
}

test('parts that the far target has got before wait for one that it has not, and are not brought again', async () => {
  const here = await site('again')
  // Nobody else has brought the like.
  const own = 'again '.repeat(200_000)
  plant(here.source, { 'content/large': own })
  const { package: first, parts } = (await mirrored(here)).agents[0] ?? {}
  const { total } = parts ?? { total: 0 }
  const [same] = (await mirrored(here)).agents
  assert.deepEqual([same?.package, same?.parts], [first, parts])
  // Nothing has changed here, and yet there is something to do.
  plant(here.target, { 'content/1': 'another' })
  await mirrored(here)
  assert.equal(await timesBrought('again', total), total)
  // It is in the last part; what is small is sent sooner than it is asked for.
  plant(here.source, { 'content/large': `${own}!` })
  assert.deepEqual((await mirrored(here)).agents[0]?.parts, { done: total, total })
  assert.equal(await timesBrought('again', 2 * total), 2 * total)
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
