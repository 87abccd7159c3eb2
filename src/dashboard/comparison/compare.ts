import { at, post } from '../data/api.ts'
import type { Summary } from './views.ts'

/** The id of the comparison that was made. */
export async function compareNow(
  agent: string,
  asked: { readonly target?: string; readonly paths?: readonly string[]; readonly verify?: true },
): Promise<string> {
  return (await post<{ id: string }>(`/agent${at(agent)}/compare`, asked)).id
}

/** The same question once more: of what takes a command back, by that command. */
export async function compareAgain({ agent, target, paths, reverts, verified }: Summary): Promise<string> {
  if (reverts === undefined) return compareNow(agent, { target, paths, ...(verified && { verify: true }) })
  return (await post<{ id: string }>(`/commands${at(reverts)}/revert`, { agent, target })).id
}
