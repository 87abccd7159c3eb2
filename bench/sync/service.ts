/**
 * A REST service of the conventions that `trebuchet sync` knows, as a process of its own: `node service.js <latency in ms>`. It holds
 * everything in memory, pages its collections, and prints its port.
 */
import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const latencyMs = Number(process.argv[2] ?? 0)
const collections = new Map<string, Map<string, string>>()
let writes = 0

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => void chunks.push(chunk))
  request.on('end', () => {
    const answerNow = (): void => answer(request, Buffer.concat(chunks).toString(), response)
    if (latencyMs === 0) answerNow()
    else setTimeout(answerNow, latencyMs)
  })
})

server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))

function answer(request: IncomingMessage, body: string, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
  const [, api, type, id] = url.pathname.split('/').map(decodeURIComponent)
  if (url.pathname === '/writes') return send(response, 200, String(writes))
  if (api !== 'api') return send(response, 404, '{}')
  if (type === undefined || type === '') return send(response, 200, discovery(url))
  const collection = collections.get(type) ?? new Map<string, string>()
  if (id === undefined || id === '') {
    if (request.method === 'OPTIONS') return send(response, 204, '', { allow: 'GET, HEAD, OPTIONS' })
    return send(response, 200, page(url, collection, Number(request.headers['x-request-limit'] ?? 20)))
  }
  const held = collection.get(id)
  if (request.method === 'PUT') {
    writes++
    collections.set(type, collection.set(id, body))
    return send(response, held === undefined ? 201 : 200, body)
  }
  return held === undefined ? send(response, 404, '{}') : send(response, 200, held)
}

function discovery(url: URL): string {
  const search = [...collections.keys()].map((type) => ({ href: `${url.origin}/api/${type}`, type }))
  return JSON.stringify({ _links: { self: { href: url.href }, search } })
}

function page(url: URL, collection: ReadonlyMap<string, string>, defaultLimit: number): string {
  const offset = Number(url.searchParams.get('offset') ?? 0)
  const limit = Number(url.searchParams.get('limit') ?? defaultLimit)
  const at = (place: number): string => JSON.stringify(`${url.origin}${url.pathname}?offset=${place}&limit=${limit}`)
  const next = offset + limit < collection.size ? `,"next":{"href":${at(offset + limit)}}` : ''
  const items = [...collection.values()].slice(offset, offset + limit).join(',')
  return `{"offset":${offset},"limit":${limit},"count":${collection.size},"items":[${items}],"_links":{"self":{"href":${at(offset)}}${next}}}`
}

function send(response: ServerResponse, status: number, body: string, headers: Record<string, string> = {}): void {
  const tag = status === 200 ? { etag: `"${hash('sha1', body)}"` } : {}
  response.writeHead(status, {
    ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    ...tag,
    ...headers,
  })
  response.end(body)
}
