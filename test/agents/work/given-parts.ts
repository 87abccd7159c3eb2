/** For tests of trees in parts: a part holds two files. */
import type { TestContext } from 'node:test'
import { viewCommand, type CommandView } from '../../../src/agents/commands/views.ts'
import type { ReplicationEvent } from '../../../src/agents/events/events.ts'
import { partLimits } from '../../../src/agents/work/split.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

Object.assign(partLimits, { maxEntries: 2 })

/** A door that stays shut until it is opened. */
export interface Door {
  readonly passed: Promise<void>
  open(): void
}

export function door(): Door {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

export interface GivenParts extends Given {
  /** What has come to each target: the ids of deliveries behind its name, as `1` or `2~3`. */
  readonly came: ReadonlyMap<string, string[]>
  readonly events: readonly ReplicationEvent[]
  /** Stops each reading of the source behind so many resources. */
  readUpTo(resources: number): Door
  /** The command, once this target has applied so many parts of it. */
  applied(command: { id: string }, parts: number, target?: string): Promise<CommandView>
}

/** An agent `author` with these targets, and a tree of /content and eight files, which is four parts: the first is /content, ! and 0. */
export async function givenParts(
  t: Pick<TestContext, 'after'>,
  targets: readonly string[] = ['one'],
  more: object = {},
  options: { readonly idle?: boolean } = {},
): Promise<GivenParts> {
  const given = await givenEngine(t, options)
  await given.agent('author', targets, more)
  given.write('/content/!', '!')
  for (let i = 0; i < 7; i++) given.write(`/content/${i}`, `${i}`)
  const came = new Map<string, string[]>(targets.map((target) => [target, []]))
  const gate: Given['gate'] = (target, inner) =>
    given.gate(target, async (delivery, signal) => {
      came.get(target)?.push(delivery.id.split('/').slice(3).join('/'))
      await inner?.(delivery, signal)
    })
  for (const target of targets) gate(target, undefined)
  const events: ReplicationEvent[] = []
  given.parts.events.listen((event) => events.push(event))
  return Object.create(given, {
    ...{ came: { value: came }, events: { value: events }, gate: { value: gate } },
    readUpTo: {
      value: (resources: number): Door => {
        const { passed, open } = door()
        given.gateSource((read) => (read === resources ? passed : Promise.resolve()))
        return { passed, open }
      },
    },
    applied: {
      value: ({ id }: { id: string }, parts: number, target = targets[0] ?? '') =>
        until(async () => {
          const view = await viewCommand(given.parts.store, id)
          const found = view.agents[0]?.targets.find((one) => one.target === given.name(target))
          return found?.applied?.parts === parts ? view : undefined
        }),
    },
  }) as GivenParts
}
