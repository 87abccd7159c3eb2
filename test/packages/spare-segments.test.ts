import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileOutput } from '../../src/packages/output.ts'
import { giveSegment, takeSegment } from '../../src/packages/spare-segments.ts'
import { Spool } from '../../src/packages/spool.ts'
import { ZipWriter } from '../../src/packages/zip-writer.ts'
import { temporaryFolder } from './trees.ts'

const folder = await temporaryFolder()

test('what is given back is taken again, and never by two at the same time', () => {
  const taken = Array.from({ length: 12 }, takeSegment)
  assert.equal(new Set(taken).size, 12)
  for (const segment of taken) giveSegment(segment)
  const again = Array.from({ length: 12 }, takeSegment)
  assert.equal(new Set(again).size, 12)
  assert.equal(again.filter((segment) => taken.includes(segment)).length, 8)
  for (const segment of again) giveSegment(segment)
})

test('whoever is closed twice gives his segment back once', () => {
  const demandOthers = (): void => {
    const all = Array.from({ length: 9 }, takeSegment)
    assert.equal(new Set(all).size, 9)
    for (const segment of all) giveSegment(segment)
  }
  const spool = new Spool(join(folder, 'closed'))
  spool.add(Buffer.alloc(20_000))
  spool.close()
  spool.close()
  demandOthers()
  const output = fileOutput(join(folder, 'closed.zip'))
  const zip = new ZipWriter(output, spool)
  zip.close()
  zip.close()
  output.close()
  demandOthers()
})

test('who was closed never writes again to what he gave back', () => {
  const [first, second] = [new Spool(join(folder, 'first')), new Spool(join(folder, 'second'))]
  first.add(Buffer.alloc(20_000, 'a'))
  first.close()
  second.add(Buffer.alloc(20_000, 'b'))
  first.add(Buffer.alloc(20_000, 'c'))
  assert.deepEqual(Buffer.concat([...second.chunks(20_000)]), Buffer.alloc(20_000, 'b'))
  second.close()
  first.close()
})

test('what is written at the same time by two comes out as it was written', async () => {
  const files = ['x', 'y'].map((name) => join(folder, `${name}.zip`))
  const outputs = files.map(fileOutput)
  const writers = outputs.map((output, i) => new ZipWriter(output, new Spool(join(folder, `directory-${i}`))))
  const content = (i: number): Buffer => Buffer.from((i === 0 ? 'x' : 'y').repeat(3000))
  for (let n = 0; n < 1000; n++) for (const [i, writer] of writers.entries()) writer.addFile(`file-${n}`, content(i))
  for (const [i, writer] of writers.entries()) {
    await writer.end()
    writer.close()
    outputs[i]?.close()
  }
  const [x, y] = files.map((file) => readFileSync(file))
  assert.equal(x?.length, y?.length)
  assert.ok(x?.includes('x'.repeat(3000)) && !x.includes('yyy'))
  assert.ok(y?.includes('y'.repeat(3000)) && !y.includes('xxx'))
})
