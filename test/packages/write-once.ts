/** Writes one package: run by write.test.ts in other time zones. */
import { Readable } from 'node:stream'
import { changesOf, headerOf, never, origin } from './trees.ts'
import { writePackage } from '../../src/packages/write.ts'

const [file = '', how] = process.argv.slice(2)
const large = Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${(i * 7919) % 10_007}`).join(','))
const pieces = how === 'stream' ? (): Readable => Readable.from(cut(large)) : large

function* cut(bytes: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 3) % 70_001)
    yield bytes.subarray(at, at + size)
}

const tree = {
  '/a': null,
  '/a/large': pieces,
  '/a/small.json': '{"a":1}'.repeat(100),
  '/b': { delete: 'deep' } as const,
}
await writePackage(headerOf('/'), changesOf(tree), { file, origin, signal: never })
