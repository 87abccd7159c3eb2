import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Path to digest; a folder's digest is `folder`, that of anything else than a file says so. */
export type Tree = ReadonlyMap<string, string>

/** Everything below the folder, names as their bytes in latin1. What a target keeps for itself, at its root, is left out. */
export function treeOf(folder: string): Tree {
  const found = new Map<string, string>()
  const walk = (path: string): void => {
    for (const entry of readdirSync(bytesOf(folder, path), { encoding: 'buffer' })) {
      const below = `${path}/${entry.toString('latin1')}`
      if (path === '' && below.startsWith('/.')) continue
      const file = bytesOf(folder, below)
      const stats = lstatSync(file)
      if (stats.isFile()) found.set(below, createHash('sha256').update(readFileSync(file)).digest('hex'))
      else found.set(below, stats.isDirectory() ? 'folder' : 'neither file nor folder')
      if (stats.isDirectory()) walk(below)
    }
  }
  if (existsSync(folder)) walk('')
  return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function bytesOf(folder: string, path: string): Buffer {
  return Buffer.concat([Buffer.from(folder), Buffer.from(path, 'latin1')])
}

/** `expected` is a folder, or what was found in one. */
export function assertSameTree(found: string, expected: string | Tree): void {
  const [is, shall] = [treeOf(found), typeof expected === 'string' ? treeOf(expected) : expected]
  const missing = [...shall].filter(([path]) => !is.has(path)).map(([path]) => path)
  const extra = [...is].filter(([path]) => !shall.has(path)).map(([path]) => path)
  const other = [...shall].filter(([path, digest]) => is.has(path) && is.get(path) !== digest).map(([path]) => path)
  const [few, all] = [(paths: string[]) => paths.slice(0, 10), { missing, extra, other }]
  assert.deepEqual(
    { missing: few(missing), extra: few(extra), other: few(other) },
    { missing: [], extra: [], other: [] },
    `${found} differs${typeof expected === 'string' ? ` from ${expected}` : ''}: ${Object.entries(all)
      .map(([what, paths]) => `${paths.length} ${what}`)
      .join(', ')}`,
  )
}

/** The same tree again, its files as hard links: whoever changes one must replace it, as `plant` does. */
export function linkTree(from: string, to: string): void {
  mkdirSync(to, { recursive: true })
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [original, copy] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) linkTree(original, copy)
    else linkSync(original, copy)
  }
}

/** Writes the files, each anew, and with `null` empty folders. */
export function plant(folder: string, files: Readonly<Record<string, string | Uint8Array | null>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(folder, path)
    mkdirSync(content === null ? file : dirname(file), { recursive: true })
    if (content === null) continue
    rmSync(file, { force: true })
    writeFileSync(file, content)
  }
}

/** The file's text, or undefined when it is not there. */
export function textAt(folder: string, path: string): string | undefined {
  const file = join(folder, path)
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined
}
