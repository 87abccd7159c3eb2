import { context, trace, ROOT_CONTEXT, type Context } from '@opentelemetry/api'
import { BullMQOtel } from 'bullmq-otel'

export interface QueueTelemetry extends Pick<BullMQOtel, 'contextManager'> {
  readonly tracer: Pick<BullMQOtel['tracer'], 'startSpan'>
}
type QueueSpan = ReturnType<BullMQOtel['tracer']['startSpan']>

/** What may be said of a job: neither its data, nor why it failed, nor how Redis is reached. */
const told = /^bullmq\.(queue\.(name|operation)|job\.(name|id|attempts\.made)|worker\.(id|name))$/

const off: QueueSpan = {
  setSpanOnContext: (ctx: Context) => ctx,
  setAttribute: () => undefined,
  setAttributes: () => undefined,
  addEvent: () => undefined,
  recordException: () => undefined,
  end: () => undefined,
}

/**
 * BullMQ's own spans, of what belongs to a trace: workers ask for jobs without end, and the sweeps are of no trace.
 */
export function queueTelemetry(): QueueTelemetry {
  const { tracer, contextManager } = new BullMQOtel({ tracerName: 'bullmq' })
  return {
    tracer: {
      startSpan: (name, options, ctx) => {
        if (trace.getSpan(ctx ?? context.active()) === undefined) return off
        return quiet(tracer.startSpan(name, options, ctx))
      },
    },
    contextManager: Object.assign(contextManager, { root: () => ROOT_CONTEXT }),
  }
}

function quiet(span: QueueSpan): QueueSpan {
  return {
    ...off,
    setSpanOnContext: (ctx: Context) => span.setSpanOnContext(ctx),
    setAttribute: (key, value) => {
      if (told.test(key)) span.setAttribute(key, value)
    },
    setAttributes: (attributes) =>
      span.setAttributes(Object.fromEntries(Object.entries(attributes).filter(([key]) => told.test(key)))),
    end: () => span.end(),
  }
}
