import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesBehindHeader } from '../../src/packages/manifest-reader.ts'

test("a manifest's lines come whole, each once, wherever its chunks are cut", async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `${'x'.repeat((i * 7) % 23)}${i}\n`)
  const text = Buffer.from(['header\n', ...lines].join(''))
  for (let size = 1; size <= text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
      text.subarray(i * size, (i + 1) * size),
    )
    const found: string[] = []
    for await (const bytes of bytesBehindHeader(inTurn(chunks))) {
      assert.equal(bytes.at(-1), 10, `chunks of ${size}`)
      found.push(bytes.toString())
    }
    assert.equal(found.join(''), lines.join(''), `chunks of ${size}`)
  }
})

async function* inTurn(chunks: readonly Buffer[]): AsyncGenerator<Buffer, void, void> {
  for (const chunk of chunks) yield await Promise.resolve(chunk)
}
