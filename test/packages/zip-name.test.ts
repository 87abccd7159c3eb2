import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { fileName, folderName, platformName, ZipNames } from '../../src/packages/zip-name.ts'
import { faultIn, parsePath } from '../../src/resources/path.ts'

// From FileVault's documentation of PlatformNameFormat, save for `_cq:test.jpg`, where it and its code differ: the code's.
for (const [name, escaped] of [
  ['test.jpg', 'test.jpg'],
  ['cq:content', '_cq_content'],
  ['cq:test_image.jpg', '_cq_test_image.jpg'],
  ['test_image.jpg', 'test_image.jpg'],
  ['_testimage.jpg', '_testimage.jpg'],
  ['_test_image.jpg', '__test_image.jpg'],
  ['cq:test:image.jpg', '_cq_test%3aimage.jpg'],
  ['_cq_:test.jpg', '__cq_%3atest.jpg'],
  ['_cq:test.jpg', '_cq%3atest.jpg'],
  ['cq_:test.jpg', 'cq_%3atest.jpg'],
  [':x', '%3ax'],
  ['a:', '_a_'],
  ['_', '_'],
  ['__', '___'],
  ['100 %|"<>?\\', '100 %25%7c%22%3c%3e%3f%5c'],
  ['tab\tbell\u0007', 'tab%09bell%07'],
  ['é[1]*~', 'é[1]*~'],
  ['.content.xml', '.content.xml'],
  // Where FileVault's own name would not be read back:
  ['_:', '__%3a'],
  ['%:x', '%25%3ax'],
] as const)
  test(`${JSON.stringify(name)} is called ${escaped}, as FileVault calls it`, () => {
    assert.equal(platformName(name), escaped)
  })

/** PlatformNameFormat.getRepositoryName, as FileVault reads a name back. */
function repositoryName(escaped: string): string {
  let name = '_'
  let first = false
  for (let i = 0; i < escaped.length; i++) {
    let char = escaped.charAt(i)
    if (char === '%' && escaped.length > i + 2) {
      char = String.fromCharCode(Number.parseInt(escaped.slice(i + 1, i + 3), 16))
      i += 2
    } else if (char === '_') {
      if (i === 0) {
        first = true
        if (escaped.length > 1) {
          char = escaped.charAt(++i)
          name += char
          if (char === '_') first = false
        }
        continue
      } else if (first) {
        char = ':'
        first = false
      }
    }
    name += char
  }
  return first ? name : name.slice(1)
}

const segment = fc
  .array(fc.oneof(fc.constantFrom('_', ':', '%', '.dir', '~', '%2', '.', '|', '\n'), fc.string({ unit: 'binary' })), {
    minLength: 1,
    maxLength: 8,
  })
  .map((parts) => parts.join(''))
  .filter((text) => !text.includes('/') && faultIn(`/${text}`) === undefined)

test('FileVault reads every name back as it was', () => {
  fc.assert(
    fc.property(segment, (name) => {
      assert.equal(repositoryName(platformName(name)), name)
      const file = fileName(name)
      if (!file.includes('~')) assert.equal(repositoryName(file), name)
      // FileVault takes one `.dir` away from a folder's name.
      const folder = repositoryName(folderName(name, false))
      if (!folder.includes('~')) assert.equal(folder.endsWith('.dir') ? folder.slice(0, -4) : folder, name)
    }),
  )
})

test('no two names become the same, whether file, folder, or folder of what is below a file', () => {
  fc.assert(
    fc.property(segment, segment, (a, b) => {
      if (a === b) return
      const names = (name: string): string[] => [fileName(name), folderName(name, false), folderName(name, true)]
      const others = new Set(names(b))
      for (const name of names(a)) assert.ok(!others.has(name), `${JSON.stringify([a, b])} are both ${name}`)
    }),
  )
  assert.notEqual(fileName('a'), folderName('a', true))
})

test('a name that would be longer than 255 bytes is cut, and ends in its digest', () => {
  const long = `${'%'.repeat(90)}é`
  const cut = fileName(long)
  assert.equal(cut, `${'%25'.repeat(62)}~${hash('sha256', long)}`)
  assert.ok(Buffer.byteLength(cut) <= 255)
  assert.ok(Buffer.byteLength(folderName(long, true)) <= 255)
  assert.equal(fileName('x'.repeat(255)), 'x'.repeat(255))
  assert.equal(Buffer.byteLength(fileName('é'.repeat(128))), 186 + 65)
})

test('a name that looks like a cut one is cut too, so that it cannot be taken for another', () => {
  const long = 'x'.repeat(300)
  const cut = fileName(long)
  assert.notEqual(fileName(cut), cut)
  assert.match(fileName(cut), /~[0-9a-f]{64}$/)
})

test('what is below a file lies in a folder beside it', () => {
  const names = new ZipNames()
  const called = [
    ['folder', '/a'],
    ['file', '/a/page'],
    ['file', '/a/page/image.png'],
    ['folder', '/a/page/sub'],
    ['file', '/a/page/sub/x'],
    ['file', '/a/page.dir'],
    ['folder', '/a/x.dir'],
    ['file', '/a/x.dir/y'],
    ['file', '/b/jcr:content/z'],
  ].map(([type, path]) => names.nameOf({ type: type as 'file' | 'folder', path: parsePath(path as string) }))
  assert.deepEqual(called, [
    'jcr_root/a/',
    'jcr_root/a/page',
    'jcr_root/a/page.dir/image.png',
    'jcr_root/a/page.dir/sub/',
    'jcr_root/a/page.dir/sub/x',
    'jcr_root/a/page.di%72',
    'jcr_root/a/x.dir.dir/',
    'jcr_root/a/x.dir.dir/y',
    'jcr_root/b/_jcr_content/z',
  ])
})
