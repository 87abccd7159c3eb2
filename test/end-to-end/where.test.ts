/** Where a page is, as far as receipts say. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
const source = join(folder, 'source')

interface Place {
  readonly agent: string
  readonly target: string
  readonly state: string
  readonly folder?: boolean
  readonly digest?: string
  readonly size?: number
  readonly since?: string
  readonly command?: string
  readonly package?: string
  readonly verifiedAt?: string
  readonly source?: { readonly state: string; readonly digest?: string }
}

interface Places {
  readonly path: string
  readonly items: readonly Place[]
  readonly next?: string
}

async function where(path: string, more = ''): Promise<readonly Place[]> {
  const { status, body, text } = await client.get<Places>(`/where?path=${encodeURIComponent(path)}${more}`)
  assert.equal(status, 200, text)
  assert.equal(body.path, path)
  return body.items
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function agent(name: string, targets: readonly string[], roots: readonly string[]): Promise<void> {
  await client.agent({
    ...{ name, roots },
    source: { kind: 'directory', path: source },
    targets: targets.map((target) => ({ name: target, kind: 'directory', path: join(folder, name, target) })),
  })
}

test('of each target it is said what is there, since when, and by which command', async () => {
  plant(source, { 'content/a': 'v1', 'content/tree/b': 'b', 'elsewhere/c': 'c' })
  await agent('one', ['east', 'west'], ['/content'])
  await agent('two', ['default'], ['/'])
  await agent('other', ['default'], ['/elsewhere'])
  const states = async (path: string): Promise<string[]> =>
    (await where(path)).map(({ agent: name, target, state }) => `${name}/${target} ${state}`)
  assert.deepEqual(await states('/content/a'), ['one/east unknown', 'one/west unknown', 'two/default unknown'])

  const first = await client.deliver('one', { paths: ['/content'] })
  const [east, west, unknown] = await where('/content/a')
  const delivered = first.agents[0]?.targets.find(({ target }) => target === 'east')
  assert.deepEqual(east, {
    ...{ agent: 'one', target: 'east', state: 'present', digest: digestOf('v1'), size: 2 },
    ...{ since: delivered?.finishedAt, command: first.id, package: first.agents[0]?.package },
  })
  assert.deepEqual([west?.state, west?.command, unknown?.state], ['present', first.id, 'unknown'])
  assert.deepEqual(
    (await where('/content/tree', '&agent=one')).map(({ folder: is, state }) => [state, is]),
    [
      ...[
        ['present', true],
        ['present', true],
      ],
    ],
  )
  // All of the tree was listed, so what was not in it is not there.
  assert.deepEqual(await states('/content/nothing'), ['one/east absent', 'one/west absent', 'two/default unknown'])
  assert.deepEqual(await states('/elsewhere/c'), ['other/default unknown', 'two/default unknown'])

  plant(source, { 'content/a': 'v2' })
  const second = await client.deliver('one', { paths: ['/content/a'] })
  const [now] = await where('/content/a', '&agent=one&source=true')
  assert.deepEqual([now?.command, now?.digest, now?.source?.digest], [second.id, digestOf('v2'), digestOf('v2')])
  assert.equal((await where('/content/tree/b', '&agent=one'))[0]?.command, first.id)
})

test('what was deleted is absent, since when and by which command, and a comparison says when that was verified', async () => {
  rmSync(join(source, 'content/tree'), { recursive: true })
  const gone = await client.deliver('one', { paths: ['/content/tree'], action: 'delete' })
  for (const path of ['/content/tree', '/content/tree/b']) {
    const [east] = await where(path, '&agent=one&source=true')
    assert.deepEqual(
      [east?.state, east?.command, east?.digest, east?.source?.state],
      ['absent', gone.id, undefined, 'absent'],
    )
    assert.ok(Date.parse(east?.since ?? '') > 0)
  }
  const before = await where('/content/a', '&agent=one')
  assert.deepEqual(
    before.map(({ verifiedAt }) => verifiedAt),
    [undefined, undefined],
  )
  const { status, body } = await client.post<{ createdAt: string }>('/agent/one/compare', { json: { target: 'east' } })
  assert.equal(status, 201)
  const after = await where('/content/a', '&agent=one')
  assert.deepEqual(
    after.map(({ verifiedAt }) => verifiedAt),
    [body.createdAt, undefined],
  )
  // Now it is read from what was written down.
  assert.deepEqual(
    after.map(({ verifiedAt: _, ...place }) => place),
    before,
  )
  assert.deepEqual(
    (await where('/content/tree/b', '&agent=one')).map(({ command }) => command),
    [gone.id, gone.id],
  )
  await server.restart()
  assert.deepEqual(await where('/content/a', '&agent=one'), after)
})

test('many agents come page by page, and what is no path or no agent is refused', async () => {
  for (let i = 0; i < 30; i++) await agent(`many-${String(i).padStart(2, '0')}`, ['default'], ['/many'])
  const seen: string[] = []
  for (let path: string | undefined = '/where?path=/many/x&limit=7'; path !== undefined;) {
    const { body }: { body: Places } = await client.get<Places>(path)
    seen.push(...body.items.map((place) => place.agent))
    path = body.next && `/where?path=/many/x&limit=7&cursor=${body.next}`
  }
  assert.equal(seen.length, 31)
  assert.deepEqual(seen, [...new Set(seen)].toSorted())
  assert.equal((await client.get('/where?path=many')).status, 400)
  assert.equal((await client.get('/where')).status, 400)
  assert.equal((await client.get('/where?path=/a&agent=nobody')).status, 404)
})
