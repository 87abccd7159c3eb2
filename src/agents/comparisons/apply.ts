import { rulesFor } from '../../compare/rules.ts'
import { sealOf } from '../../compare/seal.ts'
import type { Selection } from '../../compare/selection.ts'
import { only, type Side } from '../../compare/sides.ts'
import { ReplicationError } from '../../errors.ts'
import type { Entry } from '../../state/store.ts'
import { accept, type Acceptance, type CommandRequest } from '../commands/accept.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { sidesOf } from './compare.ts'
import { keptOf } from './kept.ts'
import { planOf } from './plan.ts'
import { applicationKey, comparisonKey, type Application, type Comparison } from './records.ts'

/** Throws `missing`, for a malformed id too. */
export async function comparisonOf({ store }: Pick<Parts, 'store'>, id: string): Promise<Comparison> {
  const found = /^[0-9A-Z]{26}$/.test(id) ? await store.get<Comparison>(comparisonKey(id)) : undefined
  if (found === undefined) throw new ReplicationError('missing', `there is no comparison ${id.slice(0, 100)}`)
  return found.value
}

/** What a command that applies a comparison has kept. Throws `missing`. */
export async function applicationOf(parts: Pick<Parts, 'store'>, command: string): Promise<Application> {
  return (await applicationEntry(parts, command)).value
}

/** The same with its version. */
export async function applicationEntry({ store }: Pick<Parts, 'store'>, command: string): Promise<Entry<Application>> {
  const found = await store.get<Application>(applicationKey(command))
  if (found === undefined) throw new ReplicationError('missing', `what command ${command} applied is no longer kept`)
  return found
}

/**
 * Accepts a command that applies what was chosen of a comparison, exactly as it was found. Throws `invalid` for a selection that
 * cannot be applied, `conflict` when a side has moved since, or when the guard does not admit so many deletions.
 */
export async function apply(
  parts: Parts,
  comparison: Comparison,
  selection: Selection,
  request: Pick<CommandRequest, 'actor' | 'caller' | 'traceparent' | 'alongside'>,
  signal: AbortSignal,
): Promise<Acceptance> {
  const agent = await parts.roster.get(comparison.agent)
  const plan = await planOf(parts, comparison, selection)
  try {
    checkGuard(agent, comparison, plan.deletes, selection)
    await checkSeals(parts, agent, comparison, signal)
    const { overrideGuard } = selection
    const { alongside, ...by } = request
    const outcome = await accept(parts.store, parts.roster, {
      ...{ kind: 'replicate', action: 'add', deep: true, mode: 'update', agents: [agent.name], ...by },
      ...{ paths: comparison.paths, targets: [comparison.target] },
      application: {
        ...{ comparison: comparison.id, writes: plan.writes, deletes: plan.deletes },
        ...(overrideGuard !== undefined && { overrideGuard }),
        ...(comparison.reverts !== undefined && { reverts: comparison.reverts }),
      },
      ...(agent.config.approval === true && { approval: 'needed' }),
      alongside: (command) => {
        const more = alongside?.(command) ?? { checks: [], writes: [] }
        const kept: Application = {
          ...{ command: command.id, comparison: comparison.id, plan: plan.rows },
          ...(plan.isWhole && comparison.reverts === undefined && { covers: comparison.paths }),
        }
        return { checks: more.checks, writes: [...more.writes, { put: applicationKey(command.id), value: kept }] }
      },
    })
    if (!outcome.taken) await parts.rowFiles.remove(plan.rows)
    return outcome
  } catch (error) {
    await parts.rowFiles.remove(plan.rows)
    throw error
  }
}

/** Throws `conflict`. */
function checkGuard(agent: Agent, comparison: Comparison, deletes: number, { overrideGuard }: Selection): void {
  const refusal = overrideGuard === undefined ? guardAgainst(agent, comparison, deletes) : undefined
  if (refusal !== undefined) throw new ReplicationError('conflict', refusal)
}

/** Why so many deletions need a reason, or undefined. */
export function guardAgainst(
  agent: Agent,
  { held, offered, reverts }: Comparison,
  deletes: number,
): string | undefined {
  if (deletes === 0) return undefined
  const { maxCount, maxPercent } = agent.config.deletes
  const instead = 'give "overrideGuard" a reason if that is meant'
  // What undoes a command takes away what that command has brought, and has no other source.
  if (offered === 0 && reverts === undefined)
    return `the source is empty: ${deletes} resources would be deleted; ${instead}`
  if (deletes > maxCount || deletes * 100 > held * maxPercent)
    return `${deletes} of ${held} resources would be deleted, and the guard of agent ${agent.name} admits ${maxCount}, and ${maxPercent} %; ${instead}`
  return undefined
}

/** Throws `conflict` unless both sides are as they were when they were compared. */
async function checkSeals(parts: Parts, agent: Agent, comparison: Comparison, signal: AbortSignal): Promise<void> {
  const [source, target] = await Promise.all([
    comparison.reverts === undefined ? sealOfSource(agent, comparison, signal) : comparison.sourceDigest,
    sealOfTarget(parts, agent, comparison, signal),
  ])
  if (source !== comparison.sourceDigest) throw moved('source')
  if (target !== comparison.targetDigest) throw moved('target')
}

export function sealOfSource(
  agent: Agent,
  { target, paths, verified }: Comparison,
  signal: AbortSignal,
): Promise<string> {
  const { source } = sidesOf(agent, target, { verify: verified === true })
  return sealOf(source, { paths, rules: rulesFor(agent.config), signal })
}

export async function sealOfTarget(
  parts: Pick<Parts, 'store' | 'rowFiles'>,
  agent: Agent,
  comparison: Comparison,
  signal: AbortSignal,
): Promise<string> {
  const side = await targetOfComparison(parts, agent, comparison)
  return sealOf(side, { paths: comparison.paths, rules: rulesFor(agent.config), signal })
}

/** The target as far as it was compared: for what is taken back, no more than was written. */
export async function targetOfComparison(
  parts: Pick<Parts, 'store' | 'rowFiles'>,
  agent: Agent,
  comparison: Comparison,
): Promise<Side> {
  const { target } = sidesOf(agent, comparison.target, { verify: comparison.verified === true })
  if (comparison.reverts === undefined) return target
  return only((await keptOf(parts, comparison.reverts, comparison)).paths, target)
}

export function moved(side: 'source' | 'target', more: { readonly final?: true } = {}): ReplicationError {
  return new ReplicationError('conflict', `the ${side} has changed since it was compared: compare again`, more)
}
