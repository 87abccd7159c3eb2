import assert from 'node:assert/strict'
import { test } from 'node:test'
import { entryLine, parseEntry } from '../../src/packages/manifest-lines.ts'
import type { ManifestEntry } from '../../src/packages/manifest.ts'
import { parsePath } from '../../src/resources/path.ts'

const digest = '0123456789abcdef'.repeat(4)

test('a line says what it was written of, whatever is in its path', () => {
  for (const text of [
    '/',
    '/a/b c',
    '/"',
    '/\\',
    '/a\tb',
    '/\u007f',
    '/\u00e9',
    '/\u2028',
    '/\ud83d\ude00',
    "/'{}[],:",
  ]) {
    const path = parsePath(text)
    const entries: ManifestEntry[] = [
      { type: 'folder', path },
      { type: 'delete', path, deep: true },
      ...[0, 7, 2 ** 40, Number.MAX_SAFE_INTEGER].map((size) => ({ type: 'file' as const, path, digest, size })),
    ]
    for (const entry of entries) assert.deepEqual(parseEntry(entryLine(entry), 'line 2'), entry)
  }
})

test('what is spelt in another way is refused', () => {
  const file = (path: string, of = digest, size = '1'): string =>
    `{"type":"file","path":"${path}","digest":"${of}","size":${size}}`
  for (const line of [
    file('/a\tb'),
    file('/\\u0061'),
    file('/\ud800'),
    file('/a/../b'),
    file('a'),
    file('/a', digest.toUpperCase()),
    file('/a', `${digest}0`),
    file('/a', digest, '01'),
    file('/a', digest, '-1'),
    file('/a', digest, '1.5'),
    file('/a', digest, '9007199254740993'),
    `${file('/a')} `,
    `{"type":"folder","path":"/a","path":"/a"}`,
    `{"type":"folder","path":"/a","deep":true}`,
    `{"type":"folder", "path":"/a"}`,
  ])
    assert.throws(() => parseEntry(line, 'line 2'), { code: 'invalid' }, line)
})
