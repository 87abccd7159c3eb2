import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { withFiles } from '../src/settings-files.ts'
import { loadSettings } from '../src/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'settings-files-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0

function fileWith(content: string): string {
  const file = join(folder, `value-${++files}`)
  writeFileSync(file, content)
  return file
}

function refused(env: Record<string, string>, message: RegExp): void {
  assert.throws(() => loadSettings({ CONFIG_DIR: folder, ...env }), {
    name: 'ReplicationError',
    code: 'invalid',
    message,
  })
}

test('any setting may stand in a file, the line end at whose end does not count', () => {
  for (const [name, end] of ['', '\n', '\r\n', '\n\n'].entries()) {
    const port = 9000 + name
    assert.equal(loadSettings({ CONFIG_DIR: folder, PORT_FILE: fileWith(`${port}${end}`) }).port, port)
  }
  assert.equal(loadSettings({ CONFIG_DIR_FILE: fileWith(`${folder}\n`) }).configDir, folder)
})

test('everything but that line end is the value, other white space too', () => {
  const { PASSWORD } = withFiles({ PASSWORD_FILE: fileWith(' two\nlines \n') }, ['PASSWORD'])
  assert.equal(PASSWORD, ' two\nlines ')
})

test('a value from a file is checked as any other', () => {
  refused({ PORT_FILE: fileWith('eighty') }, /^PORT must be a whole number, it is "eighty"$/)
})

test('a value in the environment and one in a file for it are refused, unless one of them is empty', () => {
  const file = fileWith('9000')
  refused({ PORT: '9000', PORT_FILE: file }, /^PORT and PORT_FILE are both given; keep one of them$/)
  assert.equal(loadSettings({ CONFIG_DIR: folder, PORT: '', PORT_FILE: file }).port, 9000)
  assert.equal(loadSettings({ CONFIG_DIR: folder, PORT: '9001', PORT_FILE: '' }).port, 9001)
})

test('a file that is not there, is a folder, is empty or is too long is refused with variable and path', () => {
  const missing = join(folder, 'not-there')
  for (const [file, why] of [
    [missing, 'which cannot be read: ENOENT.*'],
    [folder, 'which cannot be read: EISDIR.*'],
    [fileWith(''), 'which is empty'],
    [fileWith('\n'), 'which is empty'],
    [fileWith('x'.repeat(65_537)), 'which cannot be read: it is longer than 65536 bytes'],
    ['/dev/zero', 'which cannot be read: it is longer than 65536 bytes'],
  ] as const)
    refused({ LOG_LEVEL_FILE: file }, new RegExp(`^LOG_LEVEL_FILE names ${file}, ${why}$`))
})

test('a variable that is a path already, or no setting, is left as it is', () => {
  const file = fileWith('content')
  const env = { CA_FILE: file, CA_FILE_FILE: file, OTHER_FILE: file }
  assert.deepEqual(withFiles(env, ['CA_FILE']), env)
  assert.deepEqual(withFiles({ CA_FILE: file }, ['CA', 'CA_FILE']), { CA_FILE: file }, 'CA_FILE is a setting itself')
})
