import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { loadSettings, settingsSchema, variableOf } from '../src/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'settings-'))
after(() => rmSync(folder, { recursive: true }))
const env = { CONFIG_DIR: folder }

function withFile(content: string, run: () => void): void {
  writeFileSync(join(folder, 'server.json'), content)
  try {
    run()
  } finally {
    rmSync(join(folder, 'server.json'))
  }
}

function refused(given: Record<string, string>, message: RegExp): void {
  assert.throws(() => loadSettings({ ...env, ...given }), { name: 'ReplicationError', code: 'invalid', message })
}

test('without environment and file there are defaults, and folders are absolute', () => {
  const settings = loadSettings({})
  assert.equal(settings.host, '127.0.0.1')
  assert.equal(settings.port, 8080)
  assert.equal(settings.dataDir, resolve('data'))
  assert.equal(settings.configDir, resolve('config'))
  assert.equal(settings.packagesDir, resolve('data/packages'))
  assert.equal(settings.publicUrl, undefined)
})

test('the environment wins over server.json, which wins over defaults', () => {
  withFile('{"port": 9000, "logLevel": "warn", "dataDir": "/srv/data"}', () => {
    const settings = loadSettings({ ...env, PORT: '0', DATA_DIR: '' })
    assert.equal(settings.port, 0)
    assert.equal(settings.logLevel, 'warn')
    assert.equal(settings.dataDir, '/srv/data')
    assert.equal(settings.packagesDir, '/srv/data/packages')
    assert.equal(settings.host, '127.0.0.1')
  })
})

test('a bad variable is named, with what it must be and what it is', () => {
  refused({ PORT: 'abc' }, /^PORT must be a whole number, it is "abc"$/)
  refused({ PORT: '70000' }, /^PORT must be at most 65535, it is 70000$/)
  refused({ LOG_LEVEL: 'loud' }, /^LOG_LEVEL must be "fatal", .* it is "loud"$/)
  refused({ PUBLIC_URL: 'https://a.example/path' }, /^PUBLIC_URL must be an origin .*"https:\/\/a.example\/path"$/)
  refused({ MAX_UPLOAD_BYTES: '0', SHUTDOWN_GRACE_MS: '-1' }, /^MAX_UPLOAD_BYTES .*; SHUTDOWN_GRACE_MS .*$/)
})

test('a bad value, an unknown name or no JSON in server.json is named with the file', () => {
  withFile('{"port": "8080"}', () => refused({}, /^port in .*server\.json must be a whole number, it is "8080"$/))
  withFile('{"prot": 8080}', () => refused({}, /^prot in .*server\.json is not known here; known are host, port, /))
  withFile('{"port":', () => refused({}, /server\.json is not JSON: [^\n]*$/))
  withFile('[]', () => refused({}, /server\.json must be an object$/))
})

test('origins are taken as they are', () => {
  assert.equal(loadSettings({ PUBLIC_URL: 'https://a.example:8443' }).publicUrl, 'https://a.example:8443')
})

test('every setting has a row in docs/OPERATIONS.md', () => {
  const docs = readFileSync(new URL('../../docs/OPERATIONS.md', import.meta.url), 'utf8')
  for (const name of [...Object.keys(settingsSchema.properties), 'configDir'])
    assert.match(docs, new RegExp(`^\\| \`${variableOf(name)}\` +\\|`, 'm'))
})
