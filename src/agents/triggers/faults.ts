import type { EndpointKind } from '../../endpoints/endpoint.ts'
import type { Fault } from '../../errors.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { AgentConfig, ScheduleTrigger, Trigger } from '../config/config.ts'
import { isTimezone } from '../config/timezone.ts'
import { cronFault } from './cron.ts'
import { idOf } from './records.ts'

/** What no schema can say of the triggers of one agent; what several agents make of each other says loops.ts. */
export function triggerFaults(config: AgentConfig, kinds: readonly EndpointKind[]): Fault[] {
  const faults: Fault[] = []
  const seen = new Map<string, number>()
  for (const [i, trigger] of config.triggers.entries()) {
    const pointer = `/triggers/${i}`
    const same = trigger.kind === 'schedule' ? idOf(trigger) : nameOf(trigger)
    const first = seen.get(same)
    if (first !== undefined) faults.push({ pointer, message: `does what the trigger at /triggers/${first} does` })
    seen.set(same, first ?? i)
    const unable = inability(config, trigger, kinds)
    if (unable !== undefined) faults.push({ pointer, message: unable })
    if (trigger.kind === 'schedule') faults.push(...scheduleFaults(trigger, pointer))
    if (trigger.kind === 'after' && trigger.agent === config.name)
      faults.push({ pointer: `${pointer}/agent`, message: 'must be another agent: this one would never come to rest' })
    if (trigger.kind !== 'watch') faults.push(...pathFaults(config, trigger.paths ?? [], pointer))
  }
  return faults
}

/** An agent follows another once, and watches its source once. */
function nameOf(trigger: Trigger): string {
  return trigger.kind === 'after' ? `after ${trigger.agent}` : trigger.kind
}

/** Why nothing would ever come of the trigger. */
function inability(
  { source, targets, passive }: AgentConfig,
  trigger: Trigger,
  kinds: readonly EndpointKind[],
): string | undefined {
  if (targets.length === 0 && passive.length === 0) return 'has nowhere to replicate to: the agent has no target'
  if (trigger.kind === 'schedule' && trigger.action === 'test') return undefined
  if (source === undefined) return 'has nothing to replicate: the agent has no source'
  const kind = kinds.find(({ name }) => name === source.kind)
  if (kind?.puller !== undefined)
    return 'has nothing to replicate: the agent takes what another server queues, whenever it is there'
  if (trigger.kind === 'watch' && kind !== undefined && kind.watch === undefined) {
    const able = kinds.flatMap(({ name, watch }) => (watch === undefined ? [] : [name]))
    return `cannot watch a source of kind ${kind.name}; one that can be watched is: ${able.join(', ')}`
  }
  return undefined
}

function scheduleFaults(
  { cron, timezone, action = 'add', mode, full, verify }: ScheduleTrigger,
  pointer: string,
): Fault[] {
  const faults: Fault[] = []
  const fault = cronFault(cron)
  if (fault !== undefined) faults.push({ pointer: `${pointer}/cron`, message: fault })
  if (timezone !== undefined && !isTimezone(timezone))
    faults.push({
      pointer: `${pointer}/timezone`,
      message: `${JSON.stringify(timezone)} is no time zone known here; use an IANA name such as Europe/Zurich`,
    })
  if (mode === 'mirror' && action !== 'add')
    faults.push({ pointer: `${pointer}/mode`, message: 'mirror goes with action add alone' })
  for (const [name, value] of Object.entries({ full, verify }))
    if (value === true && action !== 'add')
      faults.push({ pointer: `${pointer}/${name}`, message: `${name} goes with action add alone` })
  return faults
}

function pathFaults({ roots }: AgentConfig, paths: readonly string[], pointer: string): Fault[] {
  return paths.flatMap((path, i) =>
    roots.some((root) => isWithin(path as ResourcePath, root as ResourcePath))
      ? []
      : [{ pointer: `${pointer}/paths/${i}`, message: 'is outside the roots of this agent' }],
  )
}
