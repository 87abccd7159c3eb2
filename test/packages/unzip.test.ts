/** What other tools see of our packages, and what we see of theirs. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { test } from 'node:test'
import { ZipFile } from 'yazl'
import { defaultLimits } from '../../src/packages/limits.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { assemble, good } from './hostile/draft.ts'
import { headerOf, never, noise, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
const hasUnzip = ((): boolean => {
  try {
    execFileSync('unzip', ['-v'])
    return true
  } catch {
    return false
  }
})()
const skip = hasUnzip ? false : 'UNZIP IS NOT INSTALLED: nothing says that others can open our packages'

const awkward: Tree = {
  '/content': null,
  '/content/.content.xml': '<jcr:root/>',
  '/content/100 %': 'percent',
  '/content/_leading': 'one underscore',
  '/content/__leading_two': 'two underscores',
  '/content/a b  c': 'spaces',
  '/content/a|b<c>"d"?*': 'for windows',
  '/content/back\\slash': 'backslash',
  '/content/bell\u0007': 'control',
  '/content/caf\u00e9': 'composed',
  '/content/cafe\u0301': 'decomposed',
  '/content/empty': null,
  '/content/empty-file': '',
  '/content/folder.dir': null,
  '/content/folder.dir/x': 'in a folder named so',
  '/content/jcr:content': null,
  '/content/jcr:content/x:y:z': 'colons',
  '/content/large': Buffer.alloc(3_000_000, 'large and larger '),
  '/content/mixed': Buffer.concat([words(1_500_000), noise(1_200_000), words(5_000_000)]),
  '/content/page': 'a file',
  '/content/page.dir': 'another file',
  '/content/page/below': 'below the file',
  "/content/[x]{y}$(z)`&;'#!": 'for shells',
  [`/content/${'n'.repeat(255)}`]: 'long',
  [`/content/${'é'.repeat(127)}`]: 'long in bytes',
  [`/content/${'%'.repeat(255)}`]: 'long when it is escaped',
  '/content/\u{1f600}': 'beyond the basic plane',
}

/** Deflated well, and not as tightly as a bomb. */
function words(bytes: number): Buffer {
  return Buffer.from(Array.from({ length: bytes / 4 }, (_, i) => `${(i * 7919) % 10_007}`).join(' ')).subarray(0, bytes)
}

test(
  'unzip finds no fault in what we write, and unpacks it under the names that the format gives',
  { skip },
  async () => {
    const file = join(folder, 'awkward.zip')
    await packed(file, awkward, headerOf('/content'))
    const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' }
    assert.match(execFileSync('unzip', ['-t', file], { encoding: 'utf8', env }), /No errors detected/)
    const there = join(folder, 'unpacked')
    await mkdir(there)
    execFileSync('unzip', ['-q', file, '-d', there], { env })
    const found: Record<string, string> = {}
    for (const entry of await readdir(join(there, 'jcr_root', 'content'), { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name).slice(join(there, 'jcr_root', 'content').length)
      found[path] = entry.isDirectory()
        ? 'folder'
        : (await readFile(join(entry.parentPath, entry.name), 'utf8')).slice(0, 30)
    }
    assert.deepEqual(
      sorted(found),
      sorted({
        '/.content.xml': '<jcr:root/>',
        '/100 %25': 'percent',
        '/_leading': 'one underscore',
        '/___leading_two': 'two underscores',
        '/a b  c': 'spaces',
        '/a%7cb%3cc%3e%22d%22%3f*': 'for windows',
        '/back%5cslash': 'backslash',
        '/bell%07': 'control',
        '/caf\u00e9': 'composed',
        '/cafe\u0301': 'decomposed',
        '/empty': 'folder',
        '/empty-file': '',
        '/folder.dir.dir': 'folder',
        '/folder.dir.dir/x': 'in a folder named so',
        '/_jcr_content': 'folder',
        '/_jcr_content/_x_y%3az': 'colons',
        '/large': 'large and larger large and lar',
        '/mixed': '0 7919 5831 3743 1655 9574 748',
        '/page': 'a file',
        '/page.di%72': 'another file',
        '/page.dir': 'folder',
        '/page.dir/below': 'below the file',
        "/[x]{y}$(z)`&;'#!": 'for shells',
        [`/${'n'.repeat(255)}`]: 'long',
        [`/${'é'.repeat(127)}`]: 'long in bytes',
        [`/${'%25'.repeat(62)}~${hash('sha256', '%'.repeat(255))}`]: 'long when it is escaped',
        '/\u{1f600}': 'beyond the basic plane',
      }),
    )
  },
)

test('unzip lists each entry with the one time that all have', { skip }, async () => {
  const file = join(folder, 'times.zip')
  await packed(file, { '/a': 'x' })
  const lines = execFileSync('unzip', ['-l', file], { encoding: 'utf8' })
  assert.equal(lines.match(/1980-01-01 00:00/g)?.length, 6)
})

test('FileVault finds its filter and its properties', { skip }, async () => {
  const file = join(folder, 'vault.zip')
  const header = { ...headerOf('/a&"b', '/c'), mode: 'mirror' } as const
  const { id } = await packed(file, { '/a&"b': null }, header)
  const text = (name: string): string => execFileSync('unzip', ['-p', file, name], { encoding: 'utf8' })
  assert.equal(
    text('META-INF/vault/filter.xml'),
    '<?xml version="1.0" encoding="UTF-8"?>\n<workspaceFilter version="1.0">\n' +
      '  <filter root="/a&amp;&quot;b"/>\n  <filter root="/c"/>\n</workspaceFilter>\n',
  )
  assert.ok(text('META-INF/vault/properties.xml').includes(`<entry key="name">${id}</entry>`))
  await packed(join(folder, 'update.zip'), {}, headerOf('/a'))
  const update = execFileSync('unzip', ['-p', join(folder, 'update.zip'), 'META-INF/vault/filter.xml'])
  assert.ok(update.includes('<filter root="/a" mode="update"/>'))
})

test('a package that says its times, sizes and places otherwise, in zip64, is read, and has the same id', async () => {
  const file = join(folder, 'yazl.zip')
  const { items, order } = assemble(good)
  const zip = new ZipFile()
  const options = { mtime: new Date(2001, 1, 3), mode: 0o100600, forceZip64Format: true }
  for (const { name, content } of order.map((i) => items[i] as (typeof items)[number])) {
    if (content === undefined) zip.addEmptyDirectory(name as string, { mtime: options.mtime })
    // As a stream it has its sizes behind it.
    else zip.addReadStreamLazy(name as string, options, (answer) => answer(null, Readable.from([content])))
  }
  zip.end({ forceZip64Format: true, comment: '' })
  await pipeline(zip.outputStream, createWriteStream(file))
  const summary = await verifyPackage(file, defaultLimits, never)
  const ours = await packed(
    join(folder, 'ours.zip'),
    { '/content': null, '/content/a.txt': 'hello\n', '/content/b.json': '{"world": true}\n' },
    headerOf('/content'),
  )
  assert.equal(summary.id, ours.id)
})

function sorted(names: Record<string, string>): [string, string][] {
  return Object.entries(names).toSorted(([a], [b]) => (a < b ? -1 : 1))
}
