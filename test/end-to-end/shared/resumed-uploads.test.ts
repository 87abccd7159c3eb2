/** An upload goes on at another server than it began at, where both share one folder of packages. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { until } from '../client.ts'
import { ended, RawSender } from '../raw-sender.ts'
import { plant } from '../trees.ts'
import { Installation, redisNeeded } from './installation.ts'

suite('uploads to several servers', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const { folder } = installation
  const [first, second] = [await installation.server(), await installation.server()]
  const content = randomBytes(8 * 1024 * 1024)
  plant(join(folder, 'source'), { 'large.bin': content })
  await first.client.agent({ name: 'make', source: { kind: 'directory', path: join(folder, 'source') } })
  await first.client.agent({ name: 'in', targets: [{ kind: 'directory', path: join(folder, 'target') }] })
  const made = await first.client.fetch('POST', '/replication/agent/make/export', {
    json: { paths: ['/'] },
    headers: { accept: 'application/zip' },
  })
  const zip = Buffer.from(await made.arrayBuffer())
  const [one, other] = [first, second].map(({ port }) => new RawSender(port, zip))
  assert.ok(one && other)
  const unfinished = join(String(first.environment['PACKAGES_DIR']), 'unfinished')
  const bytes = (): number =>
    Math.max(0, ...readdirSync(unfinished).map((name) => statSync(join(unfinished, name)).size))

  for (const how of ['broke off', 'was killed'])
    test(`the rest goes to another server than the one that ${how}`, async () => {
      const by = { delivery: how.replace(' ', '-'), epoch: 1 }
      const half = one.begun(by)
      half.write(zip.subarray(0, 3 * 1024 * 1024))
      await until('half of it to be there', async () => bytes() === 3 * 1024 * 1024)
      if (how === 'was killed') await first.crash()
      half.destroy()
      const { received = 0 } = await other.received(by)
      assert.equal(received, 3 * 1024 * 1024)
      const { status, body } = await ended(other.begun({ ...by, from: received }), zip.subarray(received))
      assert.equal(status, 202, JSON.stringify(body))
      assert.equal((await second.client.finished(String(body['id']))).state, 'succeeded')
      assert.ok(readFileSync(join(folder, 'target/large.bin')).equals(content))
      assert.equal(bytes(), 0)
      if (how === 'was killed') await first.launch()
    })
})
