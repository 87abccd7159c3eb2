import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { startServer } from '../../src/server.ts'
import { openTracing } from '../../src/tracing/open.ts'
import { currentTraceparent, span, traceIdIn } from '../../src/tracing/span.ts'
import { TraceReceiver } from '../trace-receiver.ts'

const log = { info: () => undefined, warn: () => undefined }
const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function loaded(): string[] {
  const modules = Object.keys(createRequire(import.meta.url).cache)
  // Its API alone is also what the metrics are made with.
  return modules.filter((file) => /node_modules\/(@opentelemetry\/(?!api\/)|@fastify\/otel|bullmq-otel)/.test(file))
}

test('a server that makes no traces loads nothing of what makes them, and a span is a plain call', async () => {
  assert.equal(typeof startServer, 'function', 'all that a server is made of is loaded')
  for (const env of [
    {},
    { OTEL_EXPORTER_OTLP_ENDPOINT: '' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'none' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'TRUE' },
  ])
    assert.equal(await openTracing(env, log, '1'), undefined)
  assert.deepEqual(loaded(), [])
  const result = Promise.resolve()
  assert.equal(
    span('x', {}, parent, ({ traceparent }) => {
      assert.deepEqual([traceparent, currentTraceparent()], [undefined, undefined])
      return result
    }),
    result,
  )
  assert.deepEqual(traceIdIn(parent), {})
})

test('a span is below its parent, whatever else is under way, and what lies in it is below the span', async (t) => {
  const receiver = await TraceReceiver.start()
  t.after(() => receiver.close())
  // The exporter reads them itself.
  Object.assign(process.env, receiver.environment('test'))
  const tracing = (await openTracing(process.env, log, '1')) ?? assert.fail()
  assert.ok(loaded().length > 0)
  await span('other', {}, undefined, async () =>
    span('outer', { agent: 'a' }, parent, async (self) => {
      assert.equal(currentTraceparent(), self.traceparent)
      await span('inner', {}, currentTraceparent(), async ({ note }) => note({ entries: 2 }))
    }),
  )
  await assert.rejects(
    span('broken', {}, 'no traceparent', async () => {
      throw new Error('/content/s3cret')
    }),
    /s3cret/,
  )
  await tracing.close()
  assert.equal(currentTraceparent(), undefined)
  const [outer, inner, broken] = ['outer', 'inner', 'broken'].map(
    (name) => receiver.spans.find((one) => one.name === name) ?? assert.fail(`there is no span ${name}`),
  )
  assert.deepEqual([outer?.traceId, outer?.parentSpanId], [parent.slice(3, 35), parent.slice(36, 52)])
  assert.deepEqual([inner?.traceId, inner?.parentSpanId], [outer?.traceId, outer?.spanId])
  assert.deepEqual([outer?.attributes, inner?.attributes], [{ 'trebuchet.agent': 'a' }, { 'trebuchet.entries': '2' }])
  assert.deepEqual([broken?.failed, broken?.parentSpanId], [true, undefined])
  assert.deepEqual(broken?.attributes, { 'error.type': 'unexpected' })
  assert.doesNotMatch(receiver.text, /s3cret/)
})
