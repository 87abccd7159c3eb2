import { FastifyOtelInstrumentation } from '@fastify/otel'
import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanStatusCode,
  trace as api,
  type Context,
  type Span as OtelSpan,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace-node'
import { setTimeout as pause } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import { queueTelemetry, type QueueTelemetry } from './queues.ts'
import { noteRequest, trace, type Tracer } from './span.ts'

/** How long the end of the process waits for the last spans to be taken. */
const farewellMs = 3000

export type TracingLog = Readonly<Record<'info' | 'warn', (facts: object, words: string) => void>>

type Plugin = ReturnType<FastifyOtelInstrumentation['plugin']>

export interface Tracing {
  /** To be registered before all hooks and routes: each request becomes a span. */
  readonly plugin: Plugin
  readonly queues: QueueTelemetry
  /** Sends what is left. Never fails. */
  close(): Promise<void>
}

/** Traces this process as the variables of OpenTelemetry say: where to, which of them, under which name. */
export function startTracing(log: TracingLog, version: string): Tracing {
  const named = resourceFromAttributes({ 'service.name': 'trebuchet', 'service.version': version })
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(telling(new OTLPTraceExporter(), log))],
  })
  provider.register()
  trace(tracerOf(provider))
  const http = new FastifyOtelInstrumentation({
    ...{ instrumentHooks: false, instrumentHandler: false, recordExceptions: false },
    ignorePaths: ({ url }) => /^\/(health|metrics)\b/.test(url),
    requestHook: (span, request) => {
      const route = request.routeOptions.url ?? ''
      span.updateName(`${request.method} ${route}`.trim())
      // What is asked for may name resources, and what went wrong whatever was sent.
      span.setAttribute('url.path', route)
      withoutMessages(span)
      noteRequest(request, traceparentOf(span))
    },
  })
  http.setTracerProvider(provider)
  return {
    plugin: http.plugin(),
    queues: queueTelemetry(),
    close: async () => {
      trace(undefined)
      const patience = new AbortController()
      const limit = pause(farewellMs, undefined, { signal: patience.signal }).catch(() => undefined)
      await Promise.race([provider.shutdown().catch(() => undefined), limit])
      patience.abort()
      for (const part of [api, context, propagation]) part.disable()
    },
  }
}

function withoutMessages(span: OtelSpan): void {
  const set = span.setStatus.bind(span)
  span.setStatus = ({ code }) => set({ code })
}

function tracerOf(provider: NodeTracerProvider): Tracer {
  const tracer = provider.getTracer('trebuchet')
  return {
    span: async (name, attributes, parent, run) => {
      const above = contextOf(parent)
      const span = tracer.startSpan(name, { attributes: prefixed(attributes) }, above)
      try {
        return await context.with(api.setSpan(above, span), () =>
          run({
            traceparent: traceparentOf(span),
            note: (more) => void span.setAttributes(prefixed(more)),
          }),
        )
      } catch (error) {
        span.setStatus({ code: SpanStatusCode.ERROR })
        span.setAttribute('error.type', error instanceof ReplicationError ? error.code : 'unexpected')
        throw error
      } finally {
        span.end()
      }
    },
  }
}

function prefixed(attributes: Readonly<Record<string, string | number>>): Record<string, string | number> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`trebuchet.${name}`, value]))
}

/** What a W3C traceparent names, and nothing of what is under way here. */
function contextOf(traceparent: string | undefined): Context {
  const [, traceId = '', spanId = '', flags = '0'] = traceparent?.split('-') ?? []
  const above = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true }
  return isSpanContextValid(above) ? api.setSpanContext(ROOT_CONTEXT, above) : ROOT_CONTEXT
}

function traceparentOf(span: OtelSpan): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** Says once that spans are not taken, and once that they are again. */
function telling(exporter: SpanExporter, log: TracingLog): SpanExporter {
  let lost = false
  return {
    export: (spans, answer) =>
      exporter.export(spans, (result) => {
        const { error } = result
        const failed = (result.code as number) !== 0
        if (failed && !lost) log.warn({ reason: reasonOf(error) }, 'traces are not taken')
        if (!failed && lost) log.info({}, 'traces are taken again')
        lost = failed
        answer(result)
      }),
    shutdown: () => exporter.shutdown(),
    forceFlush: async () => exporter.forceFlush?.(),
  }
}

/** Without what the collector answered, which may quote what it was sent. */
function reasonOf(error: Error | undefined): string {
  const { code, name } = (error ?? {}) as NodeJS.ErrnoException
  return code ?? name
}
