import { setTimeout as pause } from 'node:timers/promises'
import type { Command } from 'commander'
import { exitCodes } from '../ending.ts'
import { positive } from '../numbers.ts'
import { count, counted, say } from '../say.ts'
import type { Client } from './options.ts'
import { printOne, table } from './print.ts'

/** As the API shows it; what is not needed here is shown as it came. */
export interface CommandView {
  readonly id: string
  readonly kind: string
  readonly action: string
  readonly state: string
  readonly paths: readonly string[]
  readonly createdAt: string
  readonly agents: readonly AgentPart[]
}

interface AgentPart {
  readonly agent: string
  readonly status: string
  readonly package?: string
  readonly error?: Fault
  readonly targets: readonly TargetPart[]
}

interface TargetPart {
  readonly target: string
  readonly state: string
  readonly attempts: number
  readonly entries: number
  readonly error?: Fault
}

interface Fault {
  readonly code: string
  readonly detail: string
}

export interface WaitOptions {
  readonly wait?: boolean
  /** Seconds; absent: as long as it takes. */
  readonly timeout?: number
}

/** A server holds an answer for as long as this and no longer, for something between us may give up. */
const heldSeconds = 20
const final: Readonly<Record<string, number>> = {
  succeeded: 0,
  failed: exitCodes.failed,
  cancelled: exitCodes.failed,
  partial: exitCodes.partly,
}

export const outcomeHelp = `
Exit status: 0 accepted, or with --wait succeeded; with --wait 1 failed or cancelled, 4 succeeded for some targets
only, 124 not finished in time (it goes on); 1 refused, 2 wrong usage.`

export function addWaitOption(command: Command): Command {
  return command
    .option('--wait', 'wait until it has ended, and end with what came of it')
    .option('--timeout <SECONDS>', 'with --wait: wait no longer', positive)
    .addHelpText('after', outcomeHelp)
}

/** Shows the command, once it has ended where that was asked for. Answers the exit code. */
export async function showOutcome(client: Client, id: string, options: WaitOptions): Promise<number> {
  const command = await ended(client, id, options)
  await printOne(client.output, command, commandText)
  return options.wait === true ? exitCodeOf(command) : 0
}

export function exitCodeOf({ id, state }: CommandView): number {
  const code = final[state]
  if (code === undefined) say(`command ${id} has not ended in time, and goes on: it is ${state}`)
  return code ?? exitCodes.timeout
}

/** The command as it is once it has ended, or the time is over. */
export async function ended({ server, signal }: Client, id: string, options: WaitOptions): Promise<CommandView> {
  const { wait = false, timeout = Number.POSITIVE_INFINITY } = options
  const until = performance.now() + (wait ? timeout * 1000 : 0)
  for (;;) {
    const left = Math.ceil((until - performance.now()) / 1000)
    const held = Math.min(heldSeconds, left)
    const headers = held > 0 ? { headers: { prefer: `wait=${held}` } } : {}
    const { body: command } = await server.get<CommandView>(`/commands/${id}`, headers)
    if (command.state in final || left <= 0) return command
    // A server that does not hold its answers would be asked without an end.
    await pause(200, undefined, { signal })
  }
}

export function commandText({ id, kind, action, state, agents }: CommandView): string {
  const rows = agents.flatMap(({ agent, status, error, targets }) =>
    targets.length === 0
      ? [[agent, '', status, '', error === undefined ? '' : `${error.code}: ${error.detail}`]]
      : targets.map(({ target, state: targetState, attempts, entries, error: fault }) => [
          ...[agent, target, targetState, `${count(entries)} ${entries === 1 ? 'entry' : 'entries'}`],
          fault === undefined ? '' : `${fault.code}: ${fault.detail} (${counted(attempts, 'attempt')})`,
        ]),
  )
  const packages = agents.flatMap(({ package: pkg }) => (pkg === undefined ? [] : [pkg]))
  const lines = [...new Set(packages)].map((pkg) => `package ${pkg}`)
  return [
    `${id} ${kind} ${action}: ${state}`,
    ...lines,
    table(['AGENT', 'TARGET', 'STATE', 'SIZE', 'ERROR'], rows),
  ].join('\n')
}
