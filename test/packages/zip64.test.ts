/** Zips beyond what the format could say at first: 65,535 entries, and 4 GiB. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultLimits } from '../../src/packages/limits.ts'
import { openPackage } from '../../src/packages/read.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { assemble, fileLine, folder, folderItem, good } from './hostile/draft.ts'
import { centralRecord, endRecord, localHeader, packedOf, saysOf, zip64End } from './hostile/zip-bytes.ts'
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
  const records = items.map((item) => {
    const says = saysOf(item, at)
    // The file system keeps no blocks for what is never written.
    const wide = says.name.toString().endsWith('large')
    const sizes = wide ? { packed: 0xffffffff, size: 0xffffffff, extra: zip64Field(size, size) } : {}
    const far = at >= 2 ** 32 ? { offset: 0xffffffff, extra: zip64Field(at) } : {}
    add(localHeader({ ...says, ...sizes }))
    if (wide) at += size
    else add(packedOf(item))
    return centralRecord({ ...says, ...sizes, ...far })
  })
  const start = at
  for (const i of order) add(records[i] as Buffer)
  const end = { count: order.length, size: at - start, start }
  add(zip64End(end))
  add(endRecord({ ...end, start: 0xffffffff, disk: 0, comment: Buffer.alloc(0) }))
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

function zip64Field(...values: number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length)
  field.writeUInt16LE(1, 0)
  field.writeUInt16LE(8 * values.length, 2)
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i)
  return field
}
