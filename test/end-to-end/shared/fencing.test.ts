/** A server that stands still in the middle of its deliveries, and goes on when another one has taken its work over. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until, type Client } from '../client.ts'
import { Front, type Hold } from '../front.ts'
import { scratch, Server } from '../server.ts'
import { assertSameTree, plant, treeOf, type Tree } from '../trees.ts'
import type { AgentView, Command, Page } from '../views.ts'
import { Installation, redisNeeded } from './installation.ts'

/** Where each of them stands: before the far server has seen anything, in mid-body, and when all is applied but the answer. */
const holds = { before: 'start', within: 'body', behind: 'answer' } as const
const names = ['folder', ...Object.keys(holds)]
const files = 1500

/** Whether content is on its way into the folder: beside what is there, or in a new folder that will take its place. */
function isStaging(target: string): boolean {
  const own = join(target, '.trebuchet')
  try {
    const found = readdirSync(own, { recursive: true, encoding: 'utf8' })
    return found.filter((path) => /^[^/]+\/\d+-\d+\//.test(path)).length > 10
  } catch {
    // It is not there yet, or something in it has come to its place meanwhile.
    return false
  }
}

test(
  'stopped before, in and behind the middle of a delivery, a server that comes back changes nothing any more',
  redisNeeded,
  async () => {
    const far = await Server.start()
    const installation = await Installation.start()
    const stopped = await installation.server()
    const front = await Front.before(far.port)
    const folder = scratch()
    const source = join(folder, 'source')
    const targetOf = (name: string): string => join(folder, name)
    const write = (version: string): void => plant(source, { 'content/page.html': `${version} `.repeat(1000) })
    write('v0')
    plant(source, Object.fromEntries(Array.from({ length: files }, (_, i) => [`many/${i % 50}/${i}.txt`, `v1 ${i}`])))
    for (const name of names) {
      const own = { name: 'default', kind: 'directory', path: targetOf(name) }
      if (name !== 'folder') await far.client.agent({ name, targets: [own] })
      const remote = { name: 'default', kind: 'remote', url: front.url, agent: name }
      const targets = [name === 'folder' ? own : remote]
      await stopped.client.agent({ name, source: { kind: 'directory', path: source }, targets })
    }
    const ids = new Map<string, string[]>(names.map((name) => [name, []]))
    const send = async (client: Client, name: string, body: object = { paths: ['/content'] }): Promise<void> => {
      ids.get(name)?.push(await client.send(name, body))
    }
    const allEnd = async (client: Client): Promise<void> => {
      for (const id of [...ids.values()].flat()) assert.equal((await client.finished(id)).state, 'succeeded')
    }
    /** What all targets shall hold. */
    const page = (): Tree => treeOf(join(source, 'content'))
    const assertHeld = (): void => {
      for (const name of names) {
        assertSameTree(join(targetOf(name), 'content'), page())
        assert.equal(existsSync(join(targetOf(name), 'many')), false, `${name} holds what was removed`)
      }
    }

    // The first delivery to each far agent stands where it shall, until it is let go.
    let letGo = (): void => undefined
    const gone = new Promise<void>((resolve) => (letGo = resolve))
    const held = new Set<string>()
    front.onImport = ({ agent }): Hold | undefined => {
      if (front.importsOf(agent).length > 1) return undefined
      return { at: holds[agent as keyof typeof holds], until: gone, onHeld: () => held.add(agent) }
    }
    write('v1')
    for (const name of Object.keys(holds)) await send(stopped.client, name)
    await until('the far ones to stand', async () => held.size === Object.keys(holds).length)
    await send(stopped.client, 'folder', { paths: ['/many'] })
    await until('the folder to be written', async () => isStaging(targetOf('folder')))
    stopped.freeze()

    const successor = await installation.server()
    const { client } = successor
    await allEnd(client)
    for (const [name, [id = '']] of ids) {
      const [target] = (await client.command(id)).agents[0]?.targets ?? []
      assert.deepEqual([target?.state, target?.attempts], ['delivered', 2], name)
      assert.match(target?.receipt?.delivery ?? '', new RegExp(`^${id}/`))
    }
    assert.equal(readdirSync(join(targetOf('folder'), 'many')).length, 50)
    write('v2')
    for (const name of names) await send(client, name)
    await send(client, 'folder', { action: 'delete', paths: ['/many'] })
    await allEnd(client)
    assertHeld()
    const commands = await Promise.all([...ids.values()].flat().map((id) => client.command(id)))

    stopped.thaw()
    letGo()
    await until('it to be back', () => stopped.isAlive())
    for (let n = 0; n < 20; n++) {
      await pause(200)
      assertHeld()
    }
    for (const command of commands) assert.deepEqual(await stopped.client.command(command.id), command)
    for (const name of names) {
      const { queues, state } = (await stopped.client.get<AgentView>(`/agent/${name}`)).body
      assert.deepEqual([state, queues[0]?.size], ['idle', 0], name)
    }

    // It is one of two again, and does its part.
    write('v3')
    for (const name of names) await send(stopped.client, name)
    await successor.end()
    await allEnd(stopped.client)
    assertHeld()
    for (const name of Object.keys(holds)) {
      const { body } = await far.client.get<Page<Command & { delivery: string }>>(`/commands`, {
        query: { agent: name },
      })
      assert.deepEqual(
        body.items.map(({ delivery }) => delivery).toReversed(),
        ids.get(name)?.map((id) => `${id}/${name}/default`),
        `${name}: each delivery came once, in order`,
      )
    }
  },
)
