/** Zips beyond what the format could say at first: 65,535 entries, and 4 GiB. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { crc32 } from 'node:zlib'
import { defaultLimits } from '../../src/packages/limits.ts'
import { openPackage } from '../../src/packages/read.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { centralRecord, endRecords, localHeader, stored } from '../../src/packages/zip-format.ts'
import { assemble, fileLine, folder, folderItem, good } from './hostile/draft.ts'
import { headerOf, never, packed, temporaryFolder } from './trees.ts'

const there = await temporaryFolder()

test('a package of 70,000 entries is read', async () => {
  const file = join(there, 'many.zip')
  const many: Record<string, null> = {}
  for (let i = 0; i < 70_000; i++) many[`/f/${String(i).padStart(6, '0')}`] = null
  const summary = await packed(file, many, headerOf('/f'))
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
  assert.ok(readFileSync(file).includes(Buffer.from('504b0606', 'hex')))
})

test('a file of more than 4 GiB, and what lies behind it, is found', async () => {
  const file = join(there, 'large.zip')
  const size = 7 * 2 ** 30
  const small = Buffer.from('behind it')
  const large = JSON.stringify({ type: 'file', path: '/content/large', digest: '0'.repeat(64), size })
  const { items, order } = assemble({
    ...good,
    lines: [folder, large, fileLine('/content/small', small)],
    content: [folderItem, { name: 'jcr_root/content/large' }, { name: 'jcr_root/content/small', content: small }],
  })
  const fd = openSync(file, 'wx')
  let at = 0
  const add = (bytes: Buffer): void => {
    at += writeSync(fd, bytes, 0, bytes.length, at)
  }
  const records = items.map(({ name, content = Buffer.alloc(0) }) => {
    // The file system keeps no blocks for what is never written.
    const bytes = String(name).endsWith('large') ? size : content.length
    const record = {
      name: Buffer.from(name),
      method: stored,
      crc: crc32(content),
      packed: bytes,
      size: bytes,
      offset: at,
      wide: bytes >= 2 ** 32,
    } as const
    add(localHeader(record))
    if (bytes === size) at += size
    else add(content)
    return record
  })
  const start = at
  for (const i of order) add(centralRecord(records[i] as (typeof records)[number]))
  add(endRecords(order.length, at - start, start))
  closeSync(fd)
  const pkg = await openPackage(file)
  const found: unknown[] = []
  for await (const change of pkg.changes())
    found.push([change.entry.path, Buffer.isBuffer((change as { content?: unknown }).content)])
  await pkg.close()
  assert.deepEqual(found, [
    ['/content', false],
    ['/content/large', false],
    ['/content/small', true],
  ])
})
