import type { FastifyInstance } from 'fastify'
import { hash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import { acceptsGzip } from './accepts.ts'

/** As it is built: modules, styles, and the page that names them. */
const folder = resolve(import.meta.dirname, '../dashboard')

/** What the modules import by name; the browser finds it by the page's import map. */
const libraries = [
  'preact',
  'preact/hooks',
  'preact/jsx-runtime',
  '@preact/signals',
  '@preact/signals-core',
  'eventsource-parser',
] as const

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

interface Asset {
  readonly type: string
  readonly text: Buffer
  readonly zipped: Buffer
}

interface Site {
  readonly html: string
  readonly policy: string
  /** Changes with anything in it: what has this in its address never changes. */
  readonly digest: string
  readonly assets: ReadonlyMap<string, Asset>
}

/**
 * The dashboard at `/`. Its files are few and small: they are read once, when it is first asked for, and only what was
 * read then is served, so that no address can lead elsewhere on the disk.
 */
export function dashboardRoutes(app: FastifyInstance): void {
  let reading: Promise<Site> | undefined
  const site = (): Promise<Site> => (reading ??= readSite())
  const schema = { hide: true }
  // Links from elsewhere may carry what their mailer or portal has added.
  const anything = Type.Object({}, { additionalProperties: true })
  const config = { needs: 'nothing' } as const
  app.get('/', { config, schema: { ...schema, querystring: anything } }, async (_request, reply) => {
    const { html, policy } = await site()
    return reply
      .headers({ 'content-security-policy': policy, 'cache-control': 'no-cache' })
      .type('text/html; charset=utf-8')
      .send(html)
  })
  app.get<{ Params: { digest: string; '*': string } }>(
    '/assets/:digest/*',
    { config, schema, logLevel: 'warn' },
    async (request, reply) => {
      const { digest, assets } = await site()
      const asset = assets.get(request.params['*'])
      if (asset === undefined || request.params.digest !== digest)
        throw new ReplicationError('missing', 'there is nothing at this address')
      const isZipped = acceptsGzip(request.headers['accept-encoding'])
      return reply
        .headers({
          ...{ 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' },
          ...(isZipped && { 'content-encoding': 'gzip' }),
        })
        .type(asset.type)
        .send(isZipped ? asset.zipped : asset.text)
    },
  )
}

async function readSite(): Promise<Site> {
  const assets = new Map<string, Asset>()
  for (const name of (await readdir(folder, { recursive: true })).toSorted())
    if (types[extname(name)] !== undefined) assets.set(name, await assetAt(join(folder, name)))
  for (const name of libraries) {
    const text = await readFile(fileURLToPath(import.meta.resolve(name)), 'utf8')
    // Their maps are not served.
    assets.set(`${name}.js`, await assetOf('.js', Buffer.from(text.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))))
  }
  const digest = hash('sha256', [...assets.keys(), ...[...assets.values()].map(({ text }) => text)].join('\n'))
  const prefix = `/assets/${digest.slice(0, 16)}`
  const imports = JSON.stringify({
    imports: Object.fromEntries(libraries.map((name) => [name, `${prefix}/${name}.js`])),
  })
  const preloads = [...preloaded(assets), ...libraries.map((name) => `${name}.js`)]
    .map((name) => `<link rel="modulepreload" href="${prefix}/${name}" />`)
    .join('\n    ')
  const html = (await readFile(join(folder, 'index.html'), 'utf8'))
    .replaceAll('{{assets}}', prefix)
    .replace('<!-- imports -->', `<script type="importmap">${imports}</script>\n    ${preloads}`)
  return { html, policy: policyWith(imports), digest: digest.slice(0, 16), assets }
}

/** What the first page loads anyway; other pages come when they are opened. */
function preloaded(assets: ReadonlyMap<string, Asset>): string[] {
  const found = new Set<string>()
  const visit = (name: string): void => {
    if (found.has(name)) return
    found.add(name)
    const text = assets.get(name)?.text.toString() ?? ''
    for (const [, from = ''] of text.matchAll(/\bfrom '(\.[^']+)'/g)) visit(join(name, '..', from))
  }
  visit('main.js')
  visit('pages/overview.js')
  return [...found]
}

/** Nothing but what this server sends, and no script or style within the page but the map whose digest is known. */
function policyWith(imports: string): string {
  return [
    `default-src 'none'`,
    `script-src 'self' 'sha256-${hash('sha256', imports, 'base64')}'`,
    ...[`style-src 'self'`, `img-src 'self'`, `connect-src 'self'`, `form-action 'none'`, `base-uri 'none'`],
    ...[`frame-ancestors 'none'`, `require-trusted-types-for 'script'`, `trusted-types 'none'`],
  ].join('; ')
}

async function assetAt(path: string): Promise<Asset> {
  return assetOf(extname(path), await readFile(path))
}

async function assetOf(extension: string, text: Buffer): Promise<Asset> {
  return { type: types[extension] ?? 'application/octet-stream', text, zipped: await promisify(gzip)(text) }
}
