import type { Task } from '../../queues/work.ts'
import { below, type Store } from '../../state/store.ts'
import type { AgentConfig } from '../config/config.ts'
import { chainedLog, chainedPrefix } from './records.ts'

/** One for all schedules of an agent. */
export function scheduleTask(agent: string): Task {
  return { queue: 'schedules', key: `schedule/${agent}`, data: { agent }, label: agent }
}

/** Takes up what those have delivered whom the agent follows. */
export function afterTask(agent: string): Task {
  return { queue: 'schedules', key: `after/${agent}`, data: { agent }, label: agent }
}

function watchTask(agent: string): Task {
  return { queue: 'watches', key: `watch/${agent}`, data: { agent }, label: agent }
}

/** The tasks that the triggers of a config need, or without one, all that the agent may have. */
export function triggerTasks(agent: string, config?: AgentConfig): Task[] {
  const has = (kind: string): boolean => config === undefined || config.triggers.some((one) => one.kind === kind)
  return [
    ...(has('schedule') ? [scheduleTask(agent)] : []),
    ...(has('after') ? [afterTask(agent)] : []),
    ...(has('watch') ? [watchTask(agent)] : []),
  ]
}

/** The agents for which there is something to be taken up, also those that are no more. */
export async function* leftChained(store: Store): AsyncGenerator<string, void, void> {
  const all = below(chainedPrefix)
  for (let { from } = all; ;) {
    const [first] = await store.range({ from, to: all.to, limit: 1 })
    if (first === undefined) return
    const agent = first.key.slice(chainedPrefix.length, first.key.lastIndexOf('/'))
    yield agent
    from = below(`${chainedLog(agent)}/`).to
  }
}
