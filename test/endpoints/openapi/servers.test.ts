/** Where a service is called changes only when somebody asks for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ReplicationError } from '../../../src/errors.ts'
import { parsePath } from '../../../src/resources/path.ts'
import type { Change } from '../../../src/resources/resource.ts'
import { apply, changesIn, given, listOf, mirror, sourceAt, targetAt, textAt } from './documents.ts'

const native = `openapi: 3.1.0
info: {title: Pets, version: '2'}
servers: [{url: https://native.example/pets}]
paths:
  /pets:
    servers: [{url: https://native.example/fast}]
    get: {responses: {'200': {description: new}}}
`
const virtual = `# Ours
openapi: 3.1.0
info: {title: Pets, version: '1'}
servers: # the alias
  - url: https://gateway.example/pets # ours
paths:
  /pets: # all
    servers: [{url: https://gateway.example/fast}]
    get: {responses: {'200': {description: old}}} # as ever
x-policies: [quota]
`
const take = { servers: 'take' } as const
const place = parsePath('/~servers')
const put = (text: string): Change => ({ kind: 'put', resource: { path: place, content: () => Buffer.from(text) } })

test('unless it is asked for, applying leaves all servers as they are', async (t) => {
  const [from, to] = [await given(t, native), await given(t, virtual)]
  const changes = await changesIn(sourceAt(from))
  assert.deepEqual(Object.keys(await apply(t, targetAt(to), changes, { header: mirror })), ['/pets'])
  assert.equal(textAt(to), virtual.replace('description: old', 'description: new'))
})

test('where both sides say so, the servers are taken, and all else stays', async (t) => {
  const [from, to] = [await given(t, native), await given(t, virtual)]
  const target = targetAt(to, take)
  const changes = await changesIn(sourceAt(from, take))
  assert.deepEqual(await apply(t, target, changes), { '/pets': 'updated', '/~servers': 'updated' })
  assert.deepEqual(await listOf(target), await listOf(targetAt(from, take)))
  const after = textAt(to)
  assert.match(after, /^# Ours\n/)
  assert.match(after, /url: https:\/\/native\.example\/pets/)
  assert.match(after, /url: https:\/\/native\.example\/fast/)
  assert.match(after, /x-policies: \[quota\]/)
  assert.doesNotMatch(after, /gateway/)
  assert.deepEqual(await apply(t, target, changes), { '/pets': 'unchanged', '/~servers': 'unchanged' })
  assert.equal(textAt(to), after)
})

test('what is chosen may be the servers alone, or all but them', async (t) => {
  const [from, to] = [await given(t, native), await given(t, virtual)]
  const target = targetAt(to, take)
  await apply(t, target, await changesIn(sourceAt(from, take), ['/~servers']))
  assert.match(textAt(to), /native\.example\/pets/)
  assert.match(textAt(to), /description: old/)
  const other = await given(t, virtual)
  await apply(t, targetAt(other, take), await changesIn(sourceAt(from, take), ['/pets']))
  assert.match(textAt(other), /gateway\.example\/pets # ours/)
})

test('a mirror of a source that has none removes no servers, a deletion that names them does', async (t) => {
  const [from, to] = [await given(t, native), await given(t, virtual)]
  const target = targetAt(to, take)
  await apply(t, target, await changesIn(sourceAt(from)), { header: mirror })
  assert.match(textAt(to), /gateway\.example\/pets # ours/)
  assert.deepEqual(await apply(t, target, [{ kind: 'delete', path: place, deep: false }]), { '/~servers': 'deleted' })
  assert.doesNotMatch(textAt(to), /gateway\.example\/pets/)
  await apply(t, target, [put('{"servers": [{"url": "/"}]}')])
  assert.match(textAt(to), /servers:\n\s*- url: \//)
})

test('a document that keeps its servers, and content that is none, are refused by name', async (t) => {
  const to = await given(t, virtual)
  const invalid = (why: RegExp) => (error: unknown) =>
    error instanceof ReplicationError && error.code === 'invalid' && why.test(error.message)
  await assert.rejects(apply(t, targetAt(to), [put('{"servers": []}')]), invalid(/~servers.*may be `take`/))
  for (const wrong of ['{"servers": 1}', '{"servers": [], "paths": {}}', '[]', 'x'])
    await assert.rejects(apply(t, targetAt(to, take), [put(wrong)]), invalid(/./), wrong)
  assert.equal(textAt(to), virtual)
})
