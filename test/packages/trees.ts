/** Trees of resources as changes, and packages of them. */
import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { ManifestHeader, PackageOrigin, PackageSummary } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { writePackage } from '../../src/packages/write.ts'
import { comparePaths, parsePath, type ResourcePath } from '../../src/resources/path.ts'
import type { Change, Content } from '../../src/resources/resource.ts'

/** By path: content, null for a folder, what is held, `delete` or `delete deep`. */
export type Tree = Readonly<
  Record<string, Content | Uint8Array | string | null | { readonly delete: 'deep' | 'alone' } | Held>
>

/** A content that is listed, and not sent. */
interface Held {
  readonly held: string
}

export const origin: PackageOrigin = {
  installation: 'test',
  agent: 'publish1',
  command: '01J9',
  actor: 'tester',
  createdAt: '2026-01-01T00:00:00.000Z',
}

export const never = new AbortController().signal

export function headerOf(...roots: string[]): ManifestHeader {
  return { format: 1, action: 'add', mode: 'update', roots: roots.map(parsePath).toSorted(comparePaths) }
}

/** In path order. */
export async function* changesOf(tree: Tree): AsyncGenerator<Change> {
  const paths = Object.keys(tree).map(parsePath).toSorted(comparePaths)
  for (const path of paths) yield changeOf(path, tree[path] as Tree[string])
}

export function changeOf(path: ResourcePath, what: Tree[string]): Change {
  if (what === null) return { kind: 'put', resource: { path } }
  if (typeof what === 'string') return { kind: 'put', resource: { path, content: () => Buffer.from(what) } }
  if (typeof what === 'function') return { kind: 'put', resource: { path, content: what } }
  if ('held' in what)
    return { kind: 'held', path, digest: hash('sha256', what.held), size: Buffer.byteLength(what.held) }
  if ('delete' in what) return { kind: 'delete', path, deep: what.delete === 'deep' }
  return { kind: 'put', resource: { path, content: () => what } }
}

/** A folder of its own for the tests of a file, removed at their end. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'trebuchet-packages-'))
  after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export async function packed(file: string, tree: Tree, header = headerOf('/')): Promise<PackageSummary> {
  return writePackage(header, changesOf(tree), { file, origin, signal: never })
}

/** What is in a package: contents as buffers. */
export async function contentsOf(
  file: string,
  paths?: readonly ResourcePath[],
): Promise<Record<string, Buffer | null | string>> {
  const pkg = await openPackage(file)
  const found: Record<string, Buffer | null | string> = {}
  try {
    for await (const change of pkg.changes(paths === undefined ? {} : { paths })) {
      if (change.kind === 'folder') found[change.entry.path] = null
      else if (change.kind === 'delete') found[change.entry.path] = change.entry.deep ? 'delete deep' : 'delete alone'
      else if (Buffer.isBuffer(change.content)) found[change.entry.path] = change.content
      else {
        const chunks: Buffer[] = []
        for await (const chunk of change.content) chunks.push(chunk as Buffer)
        found[change.entry.path] = Buffer.concat(chunks)
      }
    }
  } finally {
    await pkg.close()
  }
  return found
}

/** Bytes that do not pack, and are the same each time. */
export function noise(bytes: number): Buffer {
  const made = Buffer.alloc(bytes)
  for (let at = 0; at < bytes; at += 32) made.write(hash('sha256', `${at}`, 'binary'), at, 'binary')
  return made
}
