import { AsyncLocalStorage } from 'node:async_hooks'

type Attributes = Readonly<Record<string, string | number>>

/** A span under way. */
export interface Span {
  /** For whoever does a part of it, here or on another server; undefined while nothing is traced. */
  readonly traceparent: string | undefined
  /** Small, without paths of resources and without secrets. */
  note(attributes: Attributes): void
}

/** What makes spans, and ends them with what `run` comes to. */
export interface Tracer {
  span<T>(name: string, attributes: Attributes, parent: string | undefined, run: (span: Span) => Promise<T>): Promise<T>
}

const none: Span = { traceparent: undefined, note: () => undefined }
const current = new AsyncLocalStorage<Span>()
/** By the framework's request: the traceparent of its span. */
const requests = new WeakMap<object, string>()
let tracer: Tracer | undefined

/** Of this process; undefined: nothing is traced from now on. */
export function trace(by: Tracer | undefined): void {
  tracer = by
}

/** Does `run` as a span below that of `parent`, a traceparent, or as the first of a trace. A plain call while nothing is traced. */
export function span<T>(
  name: string,
  attributes: Attributes,
  parent: string | undefined,
  run: (span: Span) => Promise<T>,
): Promise<T> {
  if (tracer === undefined) return run(none)
  return tracer.span(name, attributes, parent, (self) => current.run(self, () => run(self)))
}

/** Of the span that the caller is in. */
export function currentTraceparent(): string | undefined {
  return tracer === undefined ? undefined : current.getStore()?.traceparent
}

export function noteRequest(request: object, traceparent: string): void {
  requests.set(request, traceparent)
}

/** Of the span of a request, if it has one. */
export function requestTraceparent(request: object): string | undefined {
  return tracer === undefined ? undefined : requests.get(request)
}

/** What lines and events say of the trace that they belong to: nothing while nothing is traced. */
export function traceIdIn(traceparent: string | undefined): { readonly traceId?: string } {
  return tracer === undefined || traceparent === undefined ? {} : { traceId: traceparent.slice(3, 35) }
}
