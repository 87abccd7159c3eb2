/** For tests of what is sent of trees: an agent `site` that sends a folder to folders. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import type { CommandRequest } from '../../../src/agents/commands/accept.ts'
import type { AgentView, CommandView } from '../../../src/agents/commands/views.ts'
import { assertSameTree } from '../../end-to-end/trees.ts'
import { givenEngine, type Given } from '../given-engine.ts'

type Asked = Partial<Omit<CommandRequest, 'agents' | 'paths'>> & { readonly at?: string[] }

export interface GivenTrees {
  readonly given: Given
  /** The folder `source`, or that of a target. */
  at(name: string, path?: string): string
  write(name: string, path: string, text: string): void
  remove(name: string, path: string): void
  ask(asked?: Asked): Promise<{ id: string }>
  /** Asks, and answers how it ended: well, unless `state` says otherwise. */
  replicate(asked?: Asked, state?: string): Promise<CommandView>
  /** The only agent's part of it. */
  send(asked?: Asked): Promise<AgentView>
  /** The targets hold what the source does. */
  assertSame(...targets: readonly string[]): void
  /** Changes the targets, and whatever else is given. */
  reconfigure(targets: readonly string[], more?: object): Promise<void>
  deliver(target: string): ReturnType<typeof deliverHead>
}

/** The source has /content with so many files of their own, some of them in folders. */
export async function givenTrees(
  t: Pick<TestContext, 'after'>,
  {
    targets = ['one'],
    files = 100,
    more = {},
    idle = false,
  }: {
    readonly targets?: readonly string[]
    readonly files?: number
    readonly more?: object
    readonly idle?: boolean
  } = {},
): Promise<GivenTrees> {
  const folder = mkdtempSync(join(tmpdir(), 'trees.'))
  const given = await givenEngine(t, { idle })
  t.after(() => rmSync(folder, { recursive: true }))
  const at = (name: string, path = ''): string => join(folder, name, path)
  const write = (name: string, path: string, text: string): void => {
    mkdirSync(dirname(at(name, path)), { recursive: true })
    writeFileSync(at(name, path), text)
  }
  const configOf = (names: readonly string[], others: object): object => ({
    ...{ name: 'site', source: { kind: 'directory', path: at('source') } },
    targets: names.map((name) => ({ name, kind: 'directory', path: at(name) })),
    queue: { backoff: { initialMs: 20, maxMs: 50 } },
    ...others,
  })
  for (let i = 0; i < files; i++) write('source', `content/${i % 7}/${i}.txt`, `text ${i}`)
  await given.configs.create(configOf(targets, more), { actor: 'test' })
  const ask = ({ at: paths = ['/content'], ...asked }: Asked = {}): Promise<{ id: string }> =>
    given.ask({ agents: ['site'], at: paths, ...asked })
  const replicate = async (asked?: Asked, state = 'succeeded'): Promise<CommandView> => {
    const view = await given.finished(await ask(asked))
    assert.equal(view.state, state, JSON.stringify(view.agents))
    return view
  }
  return {
    ...{ given, at, write, ask, replicate },
    remove: (name, path) => rmSync(at(name, path), { recursive: true }),
    send: async (asked) => {
      const [agent] = (await replicate(asked)).agents
      assert.ok(agent)
      return agent
    },
    assertSame: (...names) => {
      for (const name of names) assertSameTree(at(name, 'content'), at('source', 'content'))
    },
    reconfigure: async (names, others = {}) => {
      await given.configs.put('site', configOf(names, { ...more, ...others }), { actor: 'test' })
    },
    deliver: (target) =>
      deliverHead(given.parts, { agent: 'site', queue: target }, new AbortController().signal, () => false),
  }
}
