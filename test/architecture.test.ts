/** Who may import whom, as docs/ARCHITECTURE.md says, read from the sources themselves. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '../..')

const ground = ['known-secrets', 'errors', 'resources', 'documents', 'threads', 'packages', 'endpoints', 'compare']
const behind = ['state', 'queues', 'secrets']

/** Each part of src (a folder, or a file at its top) and the parts that it may import, types included. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'known-secrets': [],
  errors: ['known-secrets'],
  resources: ['errors'],
  documents: ['errors', 'resources'],
  threads: ['errors', 'resources'],
  packages: ['errors', 'resources', 'threads'],
  endpoints: ['known-secrets', 'errors', 'resources', 'documents', 'threads', 'packages'],
  compare: ['errors', 'resources', 'documents', 'threads', 'packages', 'endpoints'],
  state: ['errors', 'resources'],
  tracing: ['errors'],
  log: ['known-secrets'],
  access: ['errors', 'resources', 'state'],
  secrets: ['errors', 'state'],
  queues: ['errors', 'resources', 'state'],
  agents: [...ground, ...behind, 'tracing'],
  routes: [...ground, ...behind, 'tracing', 'access', 'agents'],
  settings: ['errors', 'resources', 'settings-files', 'settings-credentials'],
  'settings-files': ['errors'],
  bounds: ['errors', 'endpoints', 'settings'],
  'settings-secrets': ['settings'],
  tls: ['errors'],
  app: ['tls', ...ground, ...behind, 'tracing', 'access', 'agents', 'routes', 'settings'],
  'settings-credentials': ['resources'],
  home: [...behind, 'tracing', 'errors', 'settings'],
  server: [
    'tls',
    ...ground,
    ...behind,
    'tracing',
    'access',
    'agents',
    'routes',
    'settings',
    'settings-secrets',
    'app',
    'bounds',
    'home',
    'log',
  ],
  backup: ['errors', 'packages', 'endpoints', 'compare', ...behind, 'agents', 'settings', 'home'],
  cli: [...ground],
  dashboard: [],
}

/** What a part may load only when it is asked to: `trebuchet serve` is the server itself, `trebuchet state` works on its state. */
const deferred: Readonly<Record<string, readonly string[]>> = { cli: ['server', 'settings', 'backup'] }

/** Each library that the product uses and the parts that may know it. */
const homes: Readonly<Record<string, readonly string[]>> = {
  '@fastify/formbody': ['app', 'routes'],
  '@fastify/multipart': ['app', 'routes'],
  '@fastify/otel': ['tracing'],
  '@fastify/swagger': ['app', 'routes'],
  '@fastify/type-provider-typebox': ['app', 'routes'],
  '@preact/signals': ['dashboard'],
  '@opentelemetry/api': ['tracing'],
  '@opentelemetry/exporter-trace-otlp-http': ['tracing'],
  '@opentelemetry/resources': ['tracing'],
  '@opentelemetry/sdk-trace-node': ['tracing'],
  ajv: ['resources', 'agents'],
  'ajv-formats': ['resources', 'agents'],
  bullmq: ['queues'],
  'bullmq-otel': ['tracing'],
  commander: ['cli'],
  croner: ['agents'],
  diff: ['cli', 'compare'],
  'eventsource-parser': ['dashboard'],
  fastify: ['app', 'routes'],
  ioredis: ['queues', 'state'],
  'ipaddr.js': ['endpoints'],
  jose: ['access'],
  'js-yaml': ['documents'],
  'jsonc-parser': ['documents'],
  lmdb: ['state'],
  'lossless-json': ['documents'],
  picomatch: ['resources'],
  pino: ['log', 'agents', 'queues', 'app', 'home', 'server'],
  preact: ['dashboard'],
  'prom-client': ['agents', 'routes', 'app', 'server'],
  saxes: ['endpoints'],
  typebox: ['resources', 'packages', 'endpoints', 'compare', 'agents', 'routes', 'settings', 'app'],
  ulid: ['access', 'agents', 'routes', 'server'],
  undici: ['endpoints', 'cli'],
  yaml: ['documents'],
  yauzl: ['packages'],
  yazl: ['packages'],
}

const maxLines = 300
const emptyNames = /^(utils?|helpers?|common|misc|managers?|base)$/i

interface Import {
  /** As written. */
  readonly from: string
  /** Loaded together with this file; a thread's module is not. */
  readonly loads: boolean
}

interface SourceFile {
  /** From src: `agents/config.ts`. */
  readonly path: string
  readonly imports: readonly Import[]
  readonly unread: readonly string[]
}

const clause = String.raw`(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\w+(?:\s*,\s*\{[^}]*\})?|\{[^}]*\})`
const statements = new RegExp(String.raw`^(?:import|export)\s+${clause}\s+from\s+'([^']+)'`, 'gm')
const bare = /^import\s+'([^']+)'/gm
const dynamic = /\bimport\('([^']+)'\)/g
const threads = /new URL\('(\.[^']+)\.js', import\.meta\.url\)/g

function read(path: string): SourceFile {
  const text = readFileSync(join(root, 'src', path), 'utf8')
  const loaded = [...text.matchAll(statements), ...text.matchAll(bare)]
  const imports: Import[] = [
    ...loaded.map((match) => ({ from: match[1] ?? '', loads: true })),
    ...[...text.matchAll(dynamic)].map((match) => ({ from: match[1] ?? '', loads: false })),
    ...[...text.matchAll(threads)].map((match) => ({ from: `${match[1]}.ts`, loads: false })),
  ]
  const starts = text.match(/^import\b(?!\.|\()/gm)?.length ?? 0
  const understood = loaded.filter((match) => match[0].startsWith('import')).length
  const unread = [
    ...(starts === understood ? [] : [`src/${path}: ${starts - understood} import statements could not be read`]),
    ...(/\brequire\(|createRequire/.test(text) ? [`src/${path}: require hides an import`] : []),
  ]
  return { path, imports, unread }
}

function filesIn(folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file) && !file.split('/').includes('node_modules'))
    .toSorted()
}

const files = filesIn('src').map(read)

/** The folder at the top of src, or the file there without its ending. */
function partOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path.replace(/\.ts$/, '')
}

function isRelative(from: string): boolean {
  return from.startsWith('.')
}

function targetOf(file: SourceFile, from: string): string {
  return posix.normalize(posix.join(dirname(file.path), from))
}

function libraryOf(from: string): string {
  return from
    .split('/')
    .slice(0, from.startsWith('@') ? 2 : 1)
    .join('/')
}

test('every import in src can be read', () => {
  assert.ok(files.length > 20, `only ${files.length} files were found`)
  assert.deepEqual(
    files.flatMap(({ unread }) => unread),
    [],
  )
  const lost = files.flatMap((file) =>
    file.imports
      .filter(({ from }) => isRelative(from) && !existsSync(join(root, 'src', targetOf(file, from))))
      .map(({ from }) => `src/${file.path} imports ${from}, which is not there`),
  )
  assert.deepEqual(lost, [])
})

test('parts import only what lies below them', () => {
  const faults = files.flatMap((file) => {
    const part = partOf(file.path)
    const allowed = arrows[part]
    if (allowed === undefined) return [`src/${file.path}: ${part} is no part that docs/ARCHITECTURE.md names`]
    return file.imports
      .filter(({ from }) => isRelative(from))
      .filter(
        (one) =>
          ![part, ...allowed, ...(one.loads ? [] : (deferred[part] ?? []))].includes(partOf(targetOf(file, one.from))),
      )
      .map(({ from }) => `src/${file.path} imports ${from}: ${part} may not know ${partOf(targetOf(file, from))}`)
  })
  assert.deepEqual(faults, [])
})

test('each library has its home', () => {
  const faults = files.flatMap((file) =>
    file.imports
      .filter(({ from }) => !isRelative(from) && !from.startsWith('node:'))
      .filter(({ from }) => homes[libraryOf(from)]?.includes(partOf(file.path)) !== true)
      .map(
        ({ from }) =>
          `src/${file.path} imports ${from}, whose home is ${homes[libraryOf(from)]?.join(' or ') ?? 'nowhere'}`,
      ),
  )
  assert.deepEqual(faults, [])
})

test('every library that is used is declared as a dependency', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const faults = files.flatMap((file) =>
    file.imports
      .filter(({ from }) => !isRelative(from) && !from.startsWith('node:') && !(libraryOf(from) in dependencies))
      .map(({ from }) => `src/${file.path} imports ${from}, which package.json does not list`),
  )
  assert.deepEqual(faults, [])
})

test('no files import each other in a circle', () => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) {
      circles.push([...trail.slice(start), path].map((one) => `src/${one}`).join(' -> '))
      return
    }
    const file = byPath.get(path)
    if (file === undefined || done.has(path)) return
    for (const { from, loads } of file.imports)
      if (loads && isRelative(from)) visit(targetOf(file, from), [...trail, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  assert.deepEqual(circles, [])
})

test('of TypeBox only the types are used: to load it takes as long as to load all of ours', () => {
  const loads = /^import (?!type )[^']*from 'typebox'/m
  const offenders = files.filter(({ path }) => loads.test(readFileSync(join(root, 'src', path), 'utf8')))
  assert.deepEqual(
    offenders.map(({ path }) => `src/${path}: take Type from resources/type.ts`),
    [],
  )
})

test(`no file has more than ${maxLines} lines`, () => {
  const faults = ['src', 'test', 'bench', 'chaos', 'fuzz'].flatMap((folder) =>
    filesIn(folder).flatMap((path) => {
      const lines = readFileSync(join(root, folder, path), 'utf8')
        .trimEnd()
        .split('\n').length
      return lines > maxLines ? [`${folder}/${path} has ${lines} lines`] : []
    }),
  )
  assert.deepEqual(faults, [])
})

test('no file and no folder has a name that says nothing', () => {
  const faults = ['src', 'test', 'bench', 'chaos', 'fuzz'].flatMap((folder) =>
    filesIn(folder)
      .filter((path) => path.split(/[/.-]/).some((word) => emptyNames.test(word)))
      .map((path) => `${folder}/${path}`),
  )
  assert.deepEqual(faults, [])
})
