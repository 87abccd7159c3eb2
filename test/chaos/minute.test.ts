/** A minute of `npm run chaos`; what it does and looks at is told in docs/RELIABILITY.md. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { onRedis } from '../home.ts'
import { RedisServer } from '../redis.ts'

const program = join(import.meta.dirname, '..', '..', 'chaos', 'main.js')
const elsewhere = (!onRedis || !RedisServer.isInstalled) && 'several servers need a redis-server of their own'

test('a minute of faults of all kinds loses, reorders, repeats and tears nothing', { skip: elsewhere }, async (t) => {
  const chaos = spawn(process.execPath, [program, '--minutes', '1'], { stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => chaos.kill('SIGTERM'))
  const [[code], table, said] = await Promise.all([once(chaos, 'exit'), text(chaos.stdout), text(chaos.stderr)])
  t.diagnostic(table)
  assert.equal(code, 0, `${table}\n${said}`)
  const kinds = table.match(/^\| – .* \| [1-9]\d* \|$/gm) ?? []
  assert.ok(kinds.length >= 6, `only ${kinds.length} kinds of faults were injected:\n${table}`)
})
