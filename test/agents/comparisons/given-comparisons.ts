/** Comparing and applying without HTTP: what the routes call, against an engine with everything real under it. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { apply } from '../../../src/agents/comparisons/apply.ts'
import { compare } from '../../../src/agents/comparisons/compare.ts'
import { foretell } from '../../../src/agents/comparisons/foretell.ts'
import type { Comparison } from '../../../src/agents/comparisons/records.ts'
import { revert } from '../../../src/agents/comparisons/undo.ts'
import { commandOf } from '../../../src/agents/commands/command.ts'
import { untilFinished } from '../../../src/agents/commands/waiting.ts'
import { viewCommand, type CommandView } from '../../../src/agents/commands/views.ts'
import type { Command } from '../../../src/agents/commands/records.ts'
import type { ComparedRow } from '../../../src/compare/row.ts'
import { selectionSchema, type Selection } from '../../../src/compare/selection.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { checkerOf } from '../../../src/resources/schema.ts'
import { givenEngine, type Given } from '../given-engine.ts'

const never = new AbortController().signal
const check = checkerOf(selectionSchema)

/** A selection as it comes from outside: what is not said is as the schema has it. */
export type Asked = Partial<Selection>

export interface GivenComparisons {
  readonly given: Given
  agent(name: string, source: object, target: object, more?: object): Promise<void>
  /** Replicates these paths, and it succeeds. */
  replicate(agent: string, at?: string[], more?: object): Promise<CommandView>
  compare(agent: string, at?: readonly string[]): Promise<Comparison>
  rows(comparison: Comparison): Promise<ComparedRow[]>
  /** Accepts it, and begins. */
  begin(comparison: Comparison, asked?: Asked, actor?: string, caller?: string): Promise<Command>
  /** Applies it to its end, and it succeeds. */
  apply(comparison: Comparison, asked?: Asked): Promise<CommandView>
  /** The comparison that takes a command back. */
  reverting(command: { readonly id: string }): Promise<Comparison>
  ended(command: { readonly id: string }): Promise<CommandView>
}

export async function givenComparisons(
  t: Pick<TestContext, 'after'>,
  options: { readonly idle?: boolean } = {},
): Promise<GivenComparisons> {
  const given = await givenEngine(t, options)
  const ended = async ({ id }: { readonly id: string }): Promise<CommandView> => {
    await untilFinished(given.parts, id, 180_000, never)
    return viewCommand(given.parts.store, id)
  }
  const begin: GivenComparisons['begin'] = async (comparison, asked = {}, actor = 'test', caller = 'test') => {
    const selection = structuredClone(asked) as Selection
    assert.deepEqual(check(selection), [])
    const foreseen = await foretell(given.parts, comparison, selection).catch(() => undefined)
    const outcome = await apply(given.parts, comparison, selection, { actor, caller }, never)
    if (!outcome.taken) throw 'error' in outcome ? outcome.error : new Error('lost')
    // What is foretold is what is done, whatever is chosen.
    assert.deepEqual(foreseen?.errors, [])
    const { writes, deletes } = outcome.command.application ?? {}
    assert.deepEqual([foreseen.creates + foreseen.overwrites + foreseen.deletes, foreseen.deletes], [writes, deletes])
    if (options.idle !== true) await given.begin(outcome.command)
    return outcome.command
  }
  return {
    given,
    begin,
    ended,
    agent: async (name, source, target, more = {}) => {
      await given.configs.create(
        {
          ...{ name, source, targets: [{ name: 'default', ...target }] },
          ...{ queue: { backoff: { initialMs: 20, maxMs: 50 } }, deletes: { maxPercent: 100, maxCount: 1_000_000 } },
          ...more,
        } as never,
        { actor: 'test' },
      )
    },
    replicate: async (agent, at = ['/'], more = {}) => {
      const done = await ended(await given.ask({ agents: [agent], at, ...more }))
      assert.equal(done.state, 'succeeded', JSON.stringify(done))
      return done
    },
    compare: async (agent, at) => {
      const asked = { actor: 'test', ...(at !== undefined && { paths: at.map(parsePath) }) }
      return compare(given.parts, await given.parts.roster.get(agent), asked, never)
    },
    rows: async ({ rows }) => {
      const found: ComparedRow[] = []
      for await (const { row } of given.parts.rowFiles.read<ComparedRow>(rows))
        if (row.implied !== true) found.push(row)
      return found
    },
    apply: async (comparison, asked) => {
      const done = await ended(await begin(comparison, asked))
      assert.equal(done.state, 'succeeded', JSON.stringify(done))
      return done
    },
    reverting: async ({ id }) => revert(given.parts, await commandOf(given.parts, id), { actor: 'test' }, never),
  }
}
