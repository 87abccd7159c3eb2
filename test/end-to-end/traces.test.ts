/** One trace from the caller through export, queue and delivery to the import on another server. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { onRedis } from '../home.ts'
import { TraceReceiver, type Span } from '../trace-receiver.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Command, Page } from './views.ts'

const folder = scratch()
const traceId = '0af7651916cd43dd8448eb211c80319c'
const callerId = 'b7ad6b7169203331'
const traceparent = `00-${traceId}-${callerId}-01`

async function collector(t: TestContext): Promise<TraceReceiver> {
  const receiver = await TraceReceiver.start()
  t.after(() => receiver.close())
  return receiver
}

/** An agent `out` at `author`, whose target is the agent `in` at `publish`. */
async function pair(author: Server, publish: Server, name: string): Promise<void> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, { 'content/s3cret-page.txt': 'a' })
  await publish.client.agent({ name: 'in', targets: [{ name: 'disk', kind: 'directory', path: target }] })
  await author.client.agent({
    ...{ name: 'out', source: { kind: 'directory', path: source } },
    targets: [{ name: 'far', kind: 'remote', url: publish.client.origin, agent: 'in' }],
  })
}

async function replicate(author: Server, headers: Record<string, string> = {}): Promise<Command> {
  const { status, body, text } = await author.client.post<Command>('/agent/out/replicate', {
    json: { paths: ['/content'] },
    headers: { prefer: 'wait=30', ...headers },
  })
  assert.equal(status, 200, text)
  assert.equal(body.state, 'succeeded', text)
  return body
}

function only(spans: readonly Span[], service: string, name: string): Span {
  const found = spans.filter((span) => span.service === service && span.name === name)
  assert.equal(
    found.length,
    1,
    `${service} has made ${found.length} spans ${name}: ${spans.map((one) => one.name).join(', ')}`,
  )
  return found[0] ?? assert.fail()
}

test('one trace leads from the caller through export and delivery to the delivery of the far server', async (t) => {
  const receiver = await collector(t)
  const author = await Server.start({ env: receiver.environment('author') })
  const publish = await Server.start({ env: receiver.environment('publish') })
  await pair(author, publish, 'whole')
  const command = await replicate(author, { traceparent })
  const log = await author.client.get<Page<{ message: string; traceId?: string }>>('/agent/out/log')
  // What is left is sent when they end.
  await Promise.all([author.end(), publish.end()])
  const spans = receiver.spans.filter((span) => span.traceId === traceId)
  const asked = only(spans, 'author', 'POST /replication/agent/:name/replicate')
  assert.equal(asked.parentSpanId, callerId)
  const exported = only(spans, 'author', 'export')
  const delivered = only(spans, 'author', 'delivery')
  assert.deepEqual([exported.parentSpanId, delivered.parentSpanId], [asked.spanId, asked.spanId])
  const imported = only(spans, 'publish', 'POST /replication/agent/:name/import')
  assert.equal(imported.parentSpanId, delivered.spanId)
  const applied = only(spans, 'publish', 'delivery')
  assert.equal(applied.parentSpanId, imported.spanId)
  assert.deepEqual(delivered.attributes, {
    ...{ 'trebuchet.agent': 'out', 'trebuchet.target': 'far', 'trebuchet.command': command.id },
    ...{ 'trebuchet.attempt': '1', 'trebuchet.entries': '2', 'trebuchet.bytes': '1' },
  })
  assert.deepEqual(
    spans.filter(({ failed }) => failed),
    [],
  )
  if (onRedis) {
    const jobs = spans.filter(({ scope }) => scope === 'bullmq')
    assert.ok(jobs.length > 0, 'the queue is part of it')
    const known = new Set(spans.map(({ spanId }) => spanId))
    assert.deepEqual(
      jobs.filter(({ parentSpanId = '' }) => !known.has(parentSpanId)),
      [],
    )
  }
  const line = log.body.items.find(({ message }) => message === 'delivery applied')
  assert.equal(line?.traceId, traceId)
  const answered = author.output
    .split('\n')
    .find((text) => text.includes('request answered') && text.includes('replicate'))
  assert.equal((JSON.parse(answered ?? '{}') as { traceId?: string }).traceId, traceId)
  assert.doesNotMatch(receiver.text, /s3cret|whole\/(source|target)/, 'no path is in a trace')
})

test('each try of a delivery is a span, and one that fails says so by its code alone', async (t) => {
  const receiver = await collector(t)
  const author = await Server.start({ env: receiver.environment('author') })
  const publish = await Server.prepare()
  plant(join(folder, 'tries'), { 'content/a.txt': 'a' })
  await author.client.agent({
    ...{ name: 'out', source: { kind: 'directory', path: join(folder, 'tries') } },
    targets: [{ name: 'far', kind: 'remote', url: publish.client.origin, agent: 'in' }],
  })
  const id = await author.client.send('out', { paths: ['/content'] })
  const tried = await until('two tries', async () => {
    const found = receiver.spans.filter(({ name }) => name === 'delivery')
    return found.length >= 2 && found
  })
  const [asked] = receiver.spans.filter(({ name }) => name.includes('replicate'))
  assert.equal(asked?.parentSpanId, undefined)
  for (const [i, { attributes, failed, traceId, parentSpanId }] of tried.entries()) {
    assert.deepEqual([failed, traceId, parentSpanId], [true, asked?.traceId, asked?.spanId])
    assert.deepEqual(attributes, {
      ...{ 'trebuchet.agent': 'out', 'trebuchet.target': 'far', 'trebuchet.command': id },
      ...{ 'trebuchet.attempt': String(i + 1), 'error.type': 'unavailable' },
    })
  }
  assert.doesNotMatch(receiver.text, new RegExp(publish.client.origin))
  await author.client.post(`/commands/${id}/cancel`, { json: {} })
})

test('where nobody takes traces all goes on, and it is said once', async () => {
  const nobody = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_BSP_SCHEDULE_DELAY: '50' }
  const author = await Server.start({ env: { ...nobody, OTEL_EXPORTER_OTLP_TIMEOUT: '200' } })
  const publish = await Server.start()
  await pair(author, publish, 'nobody')
  await replicate(author)
  await until('the line', async () => author.output.includes('traces are not taken'))
  await replicate(author)
  await author.end()
  assert.equal(author.output.split('traces are not taken').length, 2)
})

test('without the variables no span is made, and the caller’s trace is passed on as it is', async (t) => {
  const receiver = await collector(t)
  const author = await Server.start()
  const publish = await Server.start({ env: receiver.environment('publish') })
  await pair(author, publish, 'plain')
  await replicate(author, { traceparent })
  await publish.end()
  const imported = only(receiver.spans, 'publish', 'POST /replication/agent/:name/import')
  assert.deepEqual([imported.traceId, imported.parentSpanId], [traceId, callerId])
})

test('OTEL_TRACES_EXPORTER and OTEL_SDK_DISABLED turn traces off, and a sampler that takes none leaves none', async (t) => {
  for (const off of [
    { OTEL_TRACES_EXPORTER: 'none' },
    { OTEL_SDK_DISABLED: 'true' },
    { OTEL_TRACES_SAMPLER: 'always_off' },
  ]) {
    const receiver = await collector(t)
    const author = await Server.start({ env: { ...receiver.environment('author'), ...off } })
    await author.client.get('/agent')
    await author.end()
    assert.deepEqual(receiver.spans, [])
  }
})
