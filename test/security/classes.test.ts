import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { repository } from '../end-to-end/server.ts'

/** The classes of attacks that the hostile corpus has cases of, by which their names begin. */
const classes = [
  ...['zip slip', 'bomb', 'overlap', 'duplicate', 'link', 'encrypted', 'truncated', 'forged', 'deletion outside'],
  ...['path traversal', 'symlink race', 'confused deputy', 'ssrf by notation', 'ssrf to metadata', 'ssrf by redirect'],
  ...['rebinding', 'header smuggling', 'oversized chunk', 'oversized header', 'slowloris', 'deep nesting', 'huge list'],
  ...['prototype pollution', 'ReDoS', 'path confusion', 'mass assignment', 'IDOR', 'CSRF', 'cached secrets', 'canary'],
  ...['forged token', 'downgrade', 'flood'],
]

test('the hostile corpus has a case of each class', () => {
  const folder = join(repository, 'test/security')
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts') && name !== 'classes.test.ts')
  const text = files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
  const named = [...text.matchAll(/^ *(?:void )?test\([`'"]([^:`'"]+):/gm)].map(([, name = '']) => name)
  assert.ok(named.length > 60, `${named.length} cases`)
  assert.deepEqual(
    classes.filter((name) => !named.includes(name)),
    [],
  )
})
