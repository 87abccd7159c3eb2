/** Looking, applying what was chosen, and taking it back, from the command line. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { OnServer } from './on-server.ts'

const given = await OnServer.start()

const target = (file: string): string => readFileSync(join(given.folder, 'target', file), 'utf8')

await given.says(0, 'replicate', '--agent', 'site', '--wait', '/content')

test('two sides that are equal have nothing to show but three numbers', async () => {
  assert.equal(await given.says(0, 'compare', 'site'), '0 added, 0 changed, 0 deleted\n')
})

test('a plan marks what is added, changed, deleted and in conflict, and changes nothing', async () => {
  given.write('source/content/new.json', '{"a": 1}')
  given.write('source/content/both.json', '{"a": 1}')
  await given.says(0, 'replicate', '--agent', 'site', '--wait', '/content/both.json')
  given.write('source/content/both.json', '{"a": 2}')
  given.write('target/content/extra.txt', 'extra')
  assert.equal(
    await given.says(2, 'compare', 'site'),
    '~ [x] /content/both.json (fast-forward)\n' +
      '        /a (fast-forward)\n' +
      '- [ ] /content/extra.txt (target-only)\n' +
      '+ [ ] /content/new.json (new-at-source)\n' +
      '1 added, 1 changed, 1 deleted\n',
  )
  given.write('target/content/both.json', '{"a": 3}')
  assert.match(
    await given.says(3, 'compare', 'site'),
    /^! \[ \] \/content\/both\.json \(conflict\)\n {8}\/a \(conflict\)$/m,
  )
  assert.match(await given.says(3, 'compare', 'site'), /^1 added, 1 changed, 1 deleted, 1 in conflict$/m)
  assert.equal(target('content/both.json'), '{"a": 3}')
})

test('a plan can be read by programs', async () => {
  const whole = JSON.parse(await given.says(3, 'compare', 'site', '--output', 'json')) as {
    resources: { path: string }[]
  }
  const lines = (await given.says(3, 'compare', 'site', '--output', 'ndjson')).trimEnd().split('\n')
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { path: string }).path),
    whole.resources.map(({ path }) => path),
  )
  assert.equal(lines.length, 4)
})

test('what is chosen is applied, and can be taken back', async () => {
  await given.says(2, 'compare', 'site', '--select', '/content/new.json')
  await given.says(1, 'compare', 'site', '--apply', '--select', '/content/both.json')
  assert.equal(target('content/both.json'), '{"a": 3}')
  const chosen = ['--preset', 'none', '--select', '/content/new.json', '--resolve', '/content/both.json=source']
  const output = await given.says(
    ...([0, 'compare', 'site', '--apply', ...chosen, '--wait', '--output', 'json'] as const),
  )
  const { id, state } = JSON.parse(output) as { id: string; state: string }
  assert.equal(state, 'succeeded')
  assert.deepEqual([target('content/both.json'), target('content/new.json')], ['{"a": 2}', '{"a": 1}'])
  const reverting = JSON.parse(await given.says(0, 'command', 'revert', id, '--output', 'json')) as { id: string }
  await given.says(2, 'comparison', 'get', reverting.id)
  await given.says(0, 'comparison', 'apply', reverting.id, '--allow-deletes', '--wait')
  assert.equal(target('content/both.json'), '{"a": 3}')
  assert.throws(() => target('content/new.json'), { code: 'ENOENT' })
})

test('a deletion needs its own consent', async () => {
  await given.says(1, 'compare', 'site', '--apply', '--preset', 'none', '--select', '/content/extra.txt')
  assert.equal(target('content/extra.txt'), 'extra')
  const gone = ['--apply', '--preset', 'none', '--select', '/content/extra.txt', '--allow-deletes', '--wait']
  await given.says(0, 'compare', 'site', ...gone)
  assert.throws(() => target('content/extra.txt'), { code: 'ENOENT' })
})
