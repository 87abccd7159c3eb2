/** What a selection would come to, asked over HTTP; nothing is applied here. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { forgetMemoryTree, memoryTree } from '../../src/endpoints/memory/tree.ts'
import { parsePath } from '../../src/resources/path.ts'
import { givenApp } from './given-app.ts'

/** One equal, one that differs, one that only the source has, three that only the target has. */
async function given(t: TestContext, more: object = {}) {
  const { call } = await givenApp(t)
  const [source, target] = [randomUUID(), randomUUID()]
  const fill = (name: string, files: Readonly<Record<string, string>>): void => {
    t.after(() => forgetMemoryTree(name))
    for (const [path, text] of Object.entries(files)) memoryTree(name).put(parsePath(path), Buffer.from(text))
  }
  fill(source, { '/same': 's', '/other': 'of the source', '/new': 'n' })
  fill(target, { '/same': 's', '/other': 'of the target', '/x/1': '1', '/x/2': '2', '/x/3': '3' })
  const config = {
    ...{ name: 'one', source: { kind: 'memory', name: source }, targets: [{ kind: 'memory', name: target }], ...more },
  }
  const made = await call({ method: 'POST', url: '/replication/config', payload: config })
  assert.equal(made.statusCode, 201, made.body)
  const compared = await call({ method: 'POST', url: '/replication/agent/one/compare' })
  assert.equal(compared.statusCode, 201, compared.body)
  const { id } = compared.json<{ id: string }>()
  return {
    ...{ call, id },
    plan: async (selection?: object) => {
      const url = `/replication/comparisons/${id}/plan`
      const answer = await call({ method: 'POST', url, ...(selection && { payload: selection }) })
      return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() }
    },
  }
}

test('nothing said is the ticks as shown: what both have is overwritten, nothing comes, nothing goes', async (t) => {
  const { plan } = await given(t)
  const wanted = { creates: 0, overwrites: 1, deletes: 0, unchanged: 5, conflicts: 0, errors: [] }
  assert.deepEqual(await plan(), { status: 200, body: wanted })
})

test('all that is written, deleted and left alone is counted, as it was chosen', async (t) => {
  const { plan } = await given(t)
  const { body } = await plan({ preset: 'none', select: ['/new', '/x/1'], allowDeletes: true })
  assert.deepEqual(body, { creates: 1, overwrites: 0, deletes: 1, unchanged: 4, conflicts: 0, errors: [] })
})

test('deletions without consent are counted and named as what is missing, and the guard speaks before it is met', async (t) => {
  const { plan, call, id } = await given(t, { deletes: { maxCount: 2, maxPercent: 100 } })
  const { body } = await plan({ select: ['/x/**'] })
  assert.equal(body['deletes'], 3)
  assert.deepEqual(
    (body['errors'] as { pointer: string }[]).map(({ pointer }) => pointer),
    ['/allowDeletes'],
  )
  const payload = { select: ['/x/**'], allowDeletes: true }
  const refused = await call({ method: 'POST', url: `/replication/comparisons/${id}/apply`, payload })
  assert.equal(refused.statusCode, 409)
  assert.equal(refused.json<{ detail: string }>().detail, body['guard'])
})

test('a plan says that somebody else has to approve it', async (t) => {
  const { plan } = await given(t, { approval: true })
  assert.equal((await plan({})).body['approval'], true)
})

test('a plan of what the comparison does not have is 422, of a comparison that is not there 404', async (t) => {
  const { plan, call } = await given(t)
  assert.equal((await plan({ select: ['/gone'] })).status, 422)
  assert.equal((await call({ method: 'POST', url: '/replication/comparisons/nothing/plan' })).statusCode, 404)
})

test('the comparisons of all agents are one list, newest first', async (t) => {
  const { call, id } = await given(t)
  const again = await call({ method: 'POST', url: '/replication/agent/one/compare' })
  const first = await call('/replication/comparisons?limit=1')
  const { items, next } = first.json<{ items: { id: string }[]; next: string }>()
  assert.deepEqual(
    items.map((one) => one.id),
    [again.json<{ id: string }>().id],
  )
  const rest = await call(`/replication/comparisons?limit=1&cursor=${encodeURIComponent(next)}`)
  assert.equal(rest.json<{ items: { id: string }[] }>().items[0]?.id, id)
})
