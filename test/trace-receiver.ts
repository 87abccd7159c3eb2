import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Span {
  readonly service: string
  readonly scope: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly failed: boolean
  readonly attributes: Readonly<Record<string, string>>
}

interface Attribute {
  readonly key: string
  readonly value: Readonly<Record<string, unknown>>
}

interface Sent {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] }
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string }
      readonly spans: readonly (Pick<Span, 'traceId' | 'spanId' | 'parentSpanId' | 'name'> & {
        readonly attributes: readonly Attribute[]
        readonly status: { readonly code?: number }
      })[]
    }[]
  }[]
}

/** A collector of traces, over real HTTP: OTLP in JSON. */
export class TraceReceiver {
  readonly spans: Span[] = []
  /** All that was sent, as it was. */
  text = ''
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString()
      this.text += text
      this.spans.push(...spansIn(JSON.parse(text) as Sent))
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })

  static async start(): Promise<TraceReceiver> {
    const receiver = new TraceReceiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  /** What makes a server send its traces here. */
  environment(service: string): Record<string, string> {
    const { port } = this.#server.address() as AddressInfo
    return {
      ...{ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`, OTEL_SERVICE_NAME: service },
      OTEL_BSP_SCHEDULE_DELAY: '50',
    }
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

function spansIn({ resourceSpans }: Sent): Span[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ scope, spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, status, attributes }) => ({
        ...{ service: named(resource.attributes)['service.name'] ?? '', scope: scope.name, traceId, spanId, name },
        ...(parentSpanId !== undefined && parentSpanId !== '' && { parentSpanId }),
        ...{ failed: status.code === 2, attributes: named(attributes) },
      })),
    ),
  )
}

function named(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]))
}
