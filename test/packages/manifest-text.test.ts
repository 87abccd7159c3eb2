import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { entryLine, headerLine } from '../../src/packages/manifest-lines.ts'
import { listingSum, ManifestText } from '../../src/packages/manifest-text.ts'
import { lineOf } from '../../src/resources/listing.ts'
import { comparePaths, parsePath } from '../../src/resources/path.ts'
import type { ResourceState } from '../../src/resources/resource.ts'
import { headerOf, temporaryFolder } from './trees.ts'

const folder = await temporaryFolder()
const header = headerOf('/')
let made = 0

function textOf(lines: readonly string[]): ManifestText {
  const text = new ManifestText(header, join(folder, `${made++}`))
  for (const line of lines) {
    const bytes = Buffer.from(line)
    text.add(bytes, 0, bytes.length - 1)
  }
  return text
}

function manifestOf(states: readonly ResourceState[]): string {
  return states
    .map(({ path, digest, size }) =>
      digest === undefined
        ? entryLine({ type: 'folder', path })
        : entryLine({ type: 'file', path, digest, size: size as number }),
    )
    .map((line) => `${line}\n`)
    .join('')
}

const states = fc
  .dictionary(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((name) => !/[/\0]|^\.\.?$/.test(name)),
    fc.option(fc.oneof(fc.nat(5000), fc.maxSafeNat())),
  )
  .map((sizes) =>
    Object.entries(sizes).flatMap(([name, size]): ResourceState[] => {
      try {
        const path = parsePath(`/${name}`)
        return [size === null ? { path } : { path, digest: hash('sha256', name), size }]
      } catch {
        // Not every name is one.
        return []
      }
    }),
  )
  .map((all) => all.toSorted((a, b) => comparePaths(a.path, b.path)))

test('a listing is spelled as the manifest of its package is', async () => {
  await fc.assert(
    fc.asyncProperty(states, async (all) => {
      const text = textOf(all.map(lineOf))
      const expected = manifestOf(all)
      assert.equal(text.id, `sha256-${hash('sha256', `${headerLine(header)}\n${expected}`)}`)
      assert.equal(Buffer.concat([...text.lines()].map(({ bytes }) => Buffer.from(bytes))).toString(), expected)
      const files = all.filter(({ digest }) => digest !== undefined)
      assert.equal(text.entries, all.length)
      assert.equal(text.files, files.length)
      assert.equal(
        text.bytes,
        files.reduce((sum, { size }) => sum + (size as number), 0),
      )
      text.close()
      const blocks = [{ bytes: Uint8Array.from(Buffer.from(all.map(lineOf).join(''))), resources: files.length }]
      const sum = await listingSum(Readable.from(blocks))
      assert.equal(sum.listing, hash('sha256', expected))
    }),
  )
})

test('a line without a digest and a whole size is refused', () => {
  const digest = hash('sha256', '')
  for (const rest of [
    `,"${digest}",null]\n`,
    `,"${digest}",]\n`,
    `,"${digest}",9007199254740992]\n`,
    `,"${digest}",${'9'.repeat(400)}]\n`,
    `,"${digest}",-1]\n`,
    `,"${digest}",1.5]\n`,
    `,"${digest.slice(1)}",1]\n`,
    ',1]\n',
  ])
    assert.throws(() => textOf([`["/a"${rest}`]), { code: 'rejected' }, rest)
})

test('what is longer than a segment is the same, whoever else writes one at the same time', () => {
  const listed = (kind: string): ResourceState[] =>
    Array.from({ length: 12_000 }, (_, i) => ({
      path: parsePath(`/${kind}-${String(i).padStart(6, '0')}`),
      digest: hash('sha256', `${kind}${i}`),
      size: i,
    }))
  const [one, other] = [listed('one'), listed('other')]
  const texts = [textOf([]), textOf([])] as const
  for (const [i, state] of one.entries()) {
    const lines = [lineOf(state), lineOf(other[i] as ResourceState)].map((line) => Buffer.from(line))
    for (const [k, bytes] of lines.entries()) texts[k]?.add(bytes, 0, bytes.length - 1)
  }
  const sums = texts.map((text) => [text.id, createHash('sha256'), text.lines()] as const)
  // In turn, so that both are under way.
  for (let going = sums; going.length > 0;)
    going = going.filter(([, sum, lines]) => {
      const { done, value } = lines.next()
      if (done !== true) sum.update(value.bytes)
      return done !== true
    })
  for (const [k, states] of [one, other].entries()) {
    const manifest = manifestOf(states)
    assert.equal(sums[k]?.[0], `sha256-${hash('sha256', `${headerLine(header)}\n${manifest}`)}`)
    assert.equal(sums[k]?.[1].digest('hex'), hash('sha256', manifest))
  }
  for (const text of texts) text.close()
})
