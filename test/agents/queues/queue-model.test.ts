import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { packageUsesKey } from '../../../src/agents/commands/records.ts'
import { onRedis } from '../../home.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { Agent, classes, commandState, attemptsAllowed, queueState, shown, usesOf } from './queue-model.ts'
import { steps, type Model, type Real } from './queue-steps.ts'
import { itemsIn, summaryOf } from './queues.ts'

const hours = { initialMs: 3_600_000, maxMs: 3_600_000 }

async function compare(given: Given, { agents }: Model): Promise<void> {
  for (const agent of agents) {
    for (const command of agent.commands) {
      const view = await viewCommand(given.parts.store, command.id)
      const [part] = view.agents
      if (part?.package !== undefined) command.pkg = part.package
      const seen = part?.targets.map(({ target, state, attempts }) => [target, state, attempts])
      const expected = [...command.at].map(([queue, { state, attempts }]) => [queue, state, attempts])
      const state = commandState(command)
      assert.deepEqual([view.state, seen], [state, expected], `command ${command.id}`)
      const over = ['succeeded', 'partial', 'failed', 'cancelled'].includes(state)
      assert.equal(view.finishedAt !== undefined, over, `command ${command.id} is ${state}`)
    }
    for (const lane of agent.lanes) {
      const errors = `error-${lane.queue}`
      assert.deepEqual(await itemsIn(given, agent.name, lane.queue), shown(lane, lane.own), lane.queue)
      assert.deepEqual(await itemsIn(given, agent.name, errors), shown(lane, lane.errors), errors)
      const { state, size, blockedBy, diverged } = await summaryOf(given, agent.name, lane.queue)
      const [head] = lane.own
      const failing = head !== undefined && lane.of(head).error ? head.id : undefined
      assert.deepEqual(
        [state, size, blockedBy?.item, diverged !== undefined],
        [queueState(agent, lane), lane.own.length, failing, lane.diverged],
        lane.queue,
      )
      assert.equal((await summaryOf(given, agent.name, errors)).size, lane.errors.length)
    }
  }
  const commands = agents.flatMap((agent) => agent.commands)
  const packages = [...new Set(commands.flatMap(({ pkg }) => pkg ?? []))]
  const uses = await given.parts.store.getAll<number>(packages.map(packageUsesKey))
  for (const [i, pkg] of packages.entries()) assert.equal(uses[i]?.value ?? 0, usesOf(commands, pkg), pkg)
}

test('queues do what a list in memory does, whatever is asked of them in whatever order', async (t) => {
  const given = await givenEngine(t, { idle: true })
  let runs = 0
  const setup = async (): Promise<{ model: Model; real: Real }> => {
    const run = ++runs
    const root = `/run${run}`
    // Each run has contents of its own, and so packages of its own.
    for (const path of ['/content/a/b/file', '/news/a/file', '/alert/a/file']) given.write(`${root}${path}`, root)
    const priority = classes.map((path) => ({ name: path.slice(1), paths: [`${root}${path}/**`] }))
    const targets = new Map<string, string>()
    const agents: Agent[] = []
    for (const onFailure of ['block', 'error-queue']) {
      const name = `${onFailure}${run}`
      const names = ['one', 'two'].map((target) => `${name}-${target}`)
      for (const target of names) targets.set(given.name(target), target)
      await given.agent(name, names, { queue: { onFailure, attempts: attemptsAllowed, backoff: hours, priority } })
      agents.push(new Agent(name, onFailure === 'error-queue', names.map(given.name)))
    }
    const real: Real = { given, targets, root, held: [], compare: (model) => compare(given, model) }
    opened.push(real)
    return { model: { agents }, real }
  }
  const opened: Real[] = []
  const property = fc.asyncProperty(fc.commands(steps, { maxCommands: 60, size: 'max' }), async (sequence) => {
    try {
      await fc.asyncModelRun(setup, sequence)
    } finally {
      for (const { held } of opened.splice(0)) for (const { finish } of held.splice(0)) await finish('ok')
    }
  })
  await fc.assert(property, { numRuns: onRedis ? 12 : 40, interruptAfterTimeLimit: 60_000 })
})
