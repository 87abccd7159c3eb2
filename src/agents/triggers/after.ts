import { ReplicationError } from '../../errors.ts'
import type { Again } from '../../queues/work.ts'
import { isWithin, outermost, type ResourcePath } from '../../resources/path.ts'
import { below, type Entry, type Write } from '../../state/store.ts'
import { commandKey, type Cause, type Command } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { strictnessOf } from '../commands/sense.ts'
import { fire, tell, type Begin } from './firing.ts'
import { chainedLog, forgetChained, idOf, markKey, type Chained, type TriggerMark } from './records.ts'

/**
 * Takes up what those have delivered that the agent follows, in that order. Each record goes in the batch that accepts its
 * command. Answers when to go on.
 */
export async function followUp(
  parts: Parts,
  name: string,
  begin: Begin,
  signal: AbortSignal,
): Promise<Again | undefined> {
  while (!signal.aborted) {
    const [record] = await parts.store.range<Chained>({ ...below(`${chainedLog(name)}/`), limit: 1 })
    const agent = await parts.roster.find(name)
    if (agent === undefined) {
      await forgetChained(parts.store, name)
      return undefined
    }
    if (record === undefined) return undefined
    const waitMs = await takeUp(parts, agent, record, begin)
    if (waitMs !== undefined) return { at: Date.now() + waitMs }
  }
  return { at: 0 }
}

/** Answers how long to wait when it cannot be taken up now. */
async function takeUp(parts: Parts, agent: Agent, record: Entry<Chained>, begin: Begin): Promise<number | undefined> {
  const { store } = parts
  const checks = [{ key: record.key, version: record.version }]
  const gone: Write = { delete: record.key }
  const cause: Cause = { trigger: 'after', ...record.value }
  const drop = async (): Promise<void> => {
    await store.commit({ checks, writes: [gone] })
  }
  const fail = (error: ReplicationError): Promise<void> =>
    tell(parts, agent, 'trigger.failed', { cause, error, checks, writes: [gone] })

  const trigger = agent.config.triggers.find((one) => one.kind === 'after' && one.agent === record.value.agent)
  if (trigger?.kind !== 'after' || !agent.config.enabled) {
    parts.log.info({ agent: agent.name, ...cause }, 'no longer followed')
    await drop()
    return undefined
  }
  const command = (await store.get<Command>(commandKey(record.value.command)))?.value
  if (command === undefined) {
    await fail(new ReplicationError('missing', `command ${record.value.command} is no longer kept`))
    return undefined
  }
  const paths = common(command, trigger.paths ?? ['/'], agent.config.roots)
  if (paths.length === 0) {
    await drop()
    return undefined
  }
  const key = markKey(agent.name, idOf(trigger))
  const { action, mode, deep } = command
  const outcome = await fire(
    parts,
    agent.name,
    {
      ...{ action, mode, deep, paths, cause },
      // An import can be verified, and what follows it may then be something else.
      ...(action === 'add' && strictnessOf(command)),
      alongside: ({ id, createdAt }) => ({
        checks,
        writes: [gone, { put: key, value: { lastFiredAt: createdAt, lastCommand: id } satisfies TriggerMark }],
      }),
    },
    begin,
  )
  if (outcome.taken || 'lost' in outcome) return undefined
  const { error, waitMs } = outcome
  if (waitMs === undefined) await fail(error)
  else {
    const before = (await store.get<TriggerMark>(key))?.value
    const mark: TriggerMark = { ...before, error: { code: error.code, detail: error.message } }
    if (before?.error?.detail !== error.message)
      await tell(parts, agent, 'trigger.waiting', { cause, error, checks, writes: [{ put: key, value: mark }] })
  }
  return waitMs
}

/** What the command and both lists have in common; a command that is not deep has its paths alone. */
function common(
  { paths, deep }: Pick<Command, 'paths' | 'deep'>,
  ...lists: readonly (readonly string[])[]
): readonly ResourcePath[] {
  const shared = lists.reduce<readonly ResourcePath[]>(
    (left, within) =>
      left.flatMap((path) =>
        (within as readonly ResourcePath[]).flatMap((other) => {
          if (isWithin(path, other)) return [path]
          return deep && isWithin(other, path) ? [other] : []
        }),
      ),
    paths,
  )
  return deep ? outermost(shared) : [...new Set(shared)]
}
