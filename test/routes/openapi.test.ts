import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { fastify } from 'fastify'
import { prefixes } from '../../src/routes/prefixes.ts'
import { healthRoutes } from '../../src/routes/health-routes.ts'
import { addRoutes } from '../../src/routes/table.ts'
import { documentAjv, documentOf, pointer, type Document, type Operation } from './documented.ts'
import { givenApp } from './given-app.ts'

interface Documented {
  readonly method: string
  readonly path: string
  readonly operation: Operation
}

async function givenDocument(
  t: TestContext,
): Promise<{ document: Document; operations: Documented[]; added: string[] }> {
  const { app, parts } = await givenApp(t)
  const document = documentOf(app)
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ method, path, operation })),
  )
  // What the framework is told, before anything of the document is made of it.
  const added: string[] = []
  const bare = fastify()
  bare.addHook('onRoute', ({ method, url }) => {
    for (const verb of [method].flat()) if (verb !== 'HEAD') added.push(`${verb} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
  })
  await addRoutes(bare, parts)
  healthRoutes(bare, parts)
  return { document, operations, added }
}

test('every route is in the document, once, and nothing else is', async (t) => {
  const { operations, added } = await givenDocument(t)
  const others = prefixes.slice(1)
  const expected = added.filter((route) => !others.some((prefix) => route.includes(` ${prefix}/`)))
  assert.ok(expected.length > 30, `${expected.length} routes`)
  assert.deepEqual(
    operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted(),
    expected.toSorted(),
  )
})

test('every prefix has the same routes', async (t) => {
  const { added } = await givenDocument(t)
  const [first, ...others] = prefixes.map((prefix) =>
    added.filter((route) => route.includes(` ${prefix}/`)).map((route) => route.replace(prefix, '')),
  )
  for (const other of others) assert.deepEqual(other, first)
})

test('every operation has a name of its own, a sentence, a tag and answers', async (t) => {
  const { operations } = await givenDocument(t)
  const ids = operations.map(({ operation }) => operation.operationId)
  assert.equal(new Set(ids).size, ids.length)
  for (const { method, path, operation } of operations) {
    const where = `${method} ${path}`
    assert.match(operation.operationId ?? '', /^[a-z][A-Za-z]+$/, where)
    assert.ok((operation.tags ?? []).length === 1, where)
    assert.ok(
      Object.keys(operation.responses).some((status) => status.startsWith('2')),
      where,
    )
    for (const answer of Object.values(operation.responses)) assert.notEqual(answer.description, '', where)
    assert.deepEqual(Object.keys(operation.responses['default']?.content ?? {}), ['application/problem+json'], where)
  }
})

test('a body that may be left out is said to be optional, every other one to be required', async (t) => {
  const { operations } = await givenDocument(t)
  const needs = operations.flatMap(({ operation: { operationId = '', requestBody } }) =>
    requestBody === undefined ? [] : [[operationId, requestBody.required] as const],
  )
  const optional = [
    'applyComparison',
    'approveCommand',
    'cancelCommand',
    'clearQueue',
    'compare',
    'pauseAgent',
    'pauseQueue',
    'planComparison',
    'resumeAgent',
    'resumeQueue',
  ]
  assert.deepEqual(
    needs
      .filter(([, required]) => required !== true)
      .map(([id]) => id)
      .toSorted(),
    [...optional, 'retryCommand', 'retryQueue', 'revertCommand', 'rotateToken'],
  )
  assert.ok(needs.some(([id, required]) => id === 'skipItem' && required === true))
})

test('every parameter of a path is described, and every query is named', async (t) => {
  const { operations } = await givenDocument(t)
  for (const { path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => String(match[1]))
    const described = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
    assert.deepEqual(described.map(({ name }) => name).toSorted(), inPath.toSorted(), path)
    for (const parameter of described) assert.equal(parameter.required, true, path)
  }
})

test('every schema in the document is one, and every reference leads somewhere', async (t) => {
  const { document, operations } = await givenDocument(t)
  const ajv = documentAjv(document)
  let compiled = 0
  const compile = (...steps: string[]): void => {
    const at = `openapi#${pointer(...steps)}`
    assert.ok(ajv.getSchema(at) !== undefined, at)
    compiled++
  }
  for (const name of Object.keys(document.components.schemas)) compile('components', 'schemas', name)
  for (const { method, path, operation } of operations) {
    const at = ['paths', path, method]
    for (const type of Object.keys(operation.requestBody?.content ?? {}))
      compile(...at, 'requestBody', 'content', type, 'schema')
    for (const [status, answer] of Object.entries(operation.responses))
      for (const type of Object.keys(answer.content ?? {}))
        compile(...at, 'responses', status, 'content', type, 'schema')
  }
  assert.ok(compiled > 100, `${compiled} schemas`)
  const references = JSON.stringify(document).match(/"\$ref":"[^"]+"/g) ?? []
  for (const reference of new Set(references))
    assert.ok(
      (/#\/components\/schemas\/(\w+)"$/.exec(reference)?.[1] as string) in document.components.schemas,
      reference,
    )
})

test('the document comes zipped to who takes that, and is the same', async (t) => {
  const { app } = await givenApp(t)
  const plain = await app.inject({ url: '/openapi.json' })
  assert.equal(plain.headers['content-encoding'], undefined)
  const zipped = await app.inject({ url: '/openapi.json', headers: { 'accept-encoding': 'gzip, deflate, br' } })
  assert.equal(zipped.headers['content-encoding'], 'gzip')
  assert.ok(zipped.rawPayload.length * 5 < plain.rawPayload.length)
  assert.deepEqual(gunzipSync(zipped.rawPayload), plain.rawPayload)
  const refused = await app.inject({ url: '/openapi.json', headers: { 'accept-encoding': 'gzip;q=0' } })
  assert.equal(refused.headers['content-encoding'], undefined)
})

test('the document is OpenAPI 3.1, names what has a schema, and has no word of validators', async (t) => {
  const { call } = await givenApp(t, {
    settings: { maxUploadBytes: 1, publicUrl: 'https://a.example', roles: new Set(['api']) },
  })
  const response = await call('/openapi.json')
  const document = response.json()
  assert.match(document.openapi, /^3\.1\./)
  assert.deepEqual(document.servers, [{ url: 'https://a.example' }])
  for (const name of ['Problem', 'AgentConfig', 'AgentConfigInput'])
    assert.ok(name in document.components.schemas, name)
  assert.deepEqual(document.components.schemas.AgentConfigInput.required, ['name'])
  assert.ok(document.components.schemas.AgentConfig.required.includes('queue'))
  assert.doesNotMatch(response.body, /\$id|definitions|nullable/)
})
