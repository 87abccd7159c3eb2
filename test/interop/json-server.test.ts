/** json-server 0.17: PUT to an unknown id is 404, a second POST of one is 500 with HTML, no `Allow`, weak entity tags. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { makeFolder } from '../endpoints/trees.ts'
import { Counter } from './counter.ts'
import { freePort, runPeer } from './program.ts'
import { roundTrip } from './round-trip.ts'
import { applyTo, documentsIn, sourceOf, targetOf, type Documents } from './syncing.ts'

const program = createRequire(import.meta.url).resolve('json-server/lib/cli/bin.js')

async function jsonServer(t: TestContext, content: object): Promise<{ counter: Counter }> {
  const file = join(await makeFolder(t), 'db.json')
  await writeFile(file, JSON.stringify(content))
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  await runPeer(t, process.execPath, [program, '--quiet', '--host', '127.0.0.1', '--port', String(port), file], origin)
  return { counter: await Counter.before(t, origin) }
}

const documents: Documents = Object.fromEntries(
  Array.from({ length: 130 }, (_, i): [string, object] => {
    const [type, id] = i % 2 === 0 ? ['posts', i + 1] : ['comments', `c ${i}`]
    return [`${type}/${id}`, { id, text: `é ${i}`, date: '2020-01-01', nested: { list: [1, null, 'yes'], empty: {} } }]
  }),
) as Documents

test('json-server: both ways, twice, changed and mirrored', async (t) => {
  const { counter } = await jsonServer(t, { posts: [], comments: [] })
  await roundTrip(t, counter, { url: counter.origin, collections: { posts: 'posts', comments: 'comments' } }, documents)
})

test('json-server: one collection, without saying more than where it is', async (t) => {
  const { counter } = await jsonServer(t, { posts: [] })
  const posts = Object.fromEntries(Object.entries(documents).filter(([name]) => name.startsWith('posts/')))
  await roundTrip(t, counter, { url: `${counter.origin}/posts` }, posts)
})

test('json-server: its pages are followed by the links in its headers', async (t) => {
  const posts = Array.from({ length: 95 }, (_, id) => ({ id }))
  const { counter } = await jsonServer(t, { posts })
  const source = sourceOf(t, { url: `${counter.origin}/posts?_page=1&_limit=20` })
  assert.equal(Object.keys(await documentsIn(source)).length, 95)
  assert.equal(counter.asked.length, 5)
})

test('json-server: once it is known that it takes new ones by POST, PUT is not tried for each', async (t) => {
  const { counter } = await jsonServer(t, { posts: [] })
  const target = targetOf(t, { url: `${counter.origin}/posts`, concurrency: 1 })
  const { error } = await applyTo(t, target, { 'posts/1': { id: 1 }, 'posts/2': { id: 2 }, 'posts/3': { id: 3 } })
  assert.equal(error, undefined)
  assert.deepEqual(counter.writes, ['PUT /posts/1 404', 'POST /posts 201', 'POST /posts 201', 'POST /posts 201'])
  assert.equal(Object.keys(await documentsIn(sourceOf(t, { url: `${counter.origin}/posts` }))).length, 3)
})

test('json-server: what it cannot hold is refused by name', async (t) => {
  const { counter } = await jsonServer(t, { posts: [] })
  const target = targetOf(t, { url: `${counter.origin}/posts` })
  const { outcomes, error } = await applyTo(t, target, { 'posts/1': '{"id": 1, "big": 12345678901234567890}' })
  assert.deepEqual(outcomes, { '/posts/1': 'failed' })
  assert.match(String(error), /holds something else, at \/big/)
  // An id that is no truth to it gets another one.
  const { error: another } = await applyTo(t, target, { 'posts/0': { id: 0 } })
  assert.match(String(another), /nothing is at .*\/posts\/0 after it was written/)
  const { error: unknown } = await applyTo(t, targetOf(t, { url: counter.origin }), { 'none/1': { id: 1 } })
  assert.match(String(unknown), /PUT .*\/none\/1 was answered with 404/)
})
