import { Option, type Command } from 'commander'
import { exitCodes, usage } from '../ending.ts'
import { count, print } from '../say.ts'
import { listed, segment, speaks, type Client } from './options.ts'
import { pages, plain } from './print.ts'
import { addWaitOption, showOutcome, type WaitOptions } from './wait.ts'

/** As the API shows them; what is not needed here is not named. */
interface Comparison {
  readonly id: string
  readonly agent: string
  readonly target: string
  readonly counts: {
    readonly added: number
    readonly changed: number
    readonly deleted: number
    readonly conflicts: number
  }
}

interface Row {
  readonly path: string
  readonly state: 'existing' | 'added' | 'deleted'
  readonly class: string
  readonly changed?: boolean
  readonly selected: boolean
  readonly breaking?: readonly string[]
  readonly changes?: readonly { readonly part: string; readonly class: string; readonly breaking?: readonly string[] }[]
}

interface CompareOptions extends WaitOptions, SelectionOptions {
  readonly path?: readonly string[]
  readonly target?: string
  readonly apply?: boolean
}

interface SelectionOptions {
  readonly preset?: string
  readonly select?: readonly string[]
  readonly deselect?: readonly string[]
  readonly part?: readonly string[]
  readonly resolve?: readonly string[]
  readonly overwrite?: boolean
  readonly allowDeletes?: boolean
  readonly overrideGuard?: string
}

/** Both sides are read whole before the answer begins. */
const patienceMs = 3_600_000

const help = `
Each line is a resource that differs: + only the source has it, ~ both do and they differ, - only the target has it, ! changed on
both sides, so that somebody must say which counts. [x] is what --apply takes unless something else is said.

Exit status: 0 no differences, 2 differences, 3 conflicts among them; with --apply as with replicate.

Examples
  trebuchet compare publish1
  trebuchet compare publish1 --apply --wait
  trebuchet compare publish1 --apply --preset complete --allow-deletes
  trebuchet compare publish1 --apply --preset none --select '/content/news/**' --resolve /content/news/today=source`

/** `compare`, and what can be done with what it has found. */
export function addCompareCommands(program: Command): void {
  addCompare(program)
  const group = program.command('comparison').description('Shows what was compared before, and applies it.')
  speaks(group.command('get').description('Shows a comparison.').argument('<ID>'), async (client, id: string) =>
    exitCodeFor(await showComparison(client, id)),
  )
  addWaitOption(
    speaks(
      selectionOptions(
        group.command('apply').description('Applies what is chosen, exactly as it was found.').argument('<ID>'),
      ),
      (client, id: string, options: SelectionOptions & WaitOptions) => apply(client, segment(id), options),
    ),
  )
}

function addCompare(program: Command): void {
  const command = program
    .command('compare')
    .summary('shows how a target differs from its source, and applies what is chosen')
    .description("Compares AGENT's source with one of its targets. Nothing is changed without --apply.")
    .argument('<AGENT>')
    .option('--path <PATH>', 'at and below this path alone (can be repeated)', listed)
    .option('--target <NAME>', 'which of several targets')
    .option('--apply', 'apply what is chosen, exactly as it was found')
    .addHelpText('after', help)
  addWaitOption(speaks(selectionOptions(command), compare))
}

function selectionOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--preset <NAME>', 'what to begin with').choices([
        ...['defaults', 'complete', 'modified', 'added', 'deleted', 'none'],
      ]),
    )
    .option('--select <GLOB>', 'these too (can be repeated)', listed)
    .option('--deselect <GLOB>', 'but not these (can be repeated)', listed)
    .option(
      '--part <PATH=PART>',
      'of this resource only this part: a method, or a JSON Pointer (can be repeated)',
      listed,
    )
    .option('--resolve <PATH=SIDE>', 'in a conflict, source or target (can be repeated)', listed)
    .option('--overwrite', 'copy what is selected whole, whatever the target has changed')
    .option('--allow-deletes', 'delete what is selected and the source does not have')
    .option('--override-guard <REASON>', 'delete more than the guard of the agent admits')
}

async function compare(client: Client, agent: string, options: CompareOptions): Promise<number> {
  const { path, target, apply: isApplied = false } = options
  const selection = selectionOf(options)
  if (!isApplied && Object.keys(selection).length > 0) throw usage('a selection needs --apply')
  const { body: found } = await client.server.post<Comparison>(`/agent/${segment(agent)}/compare`, {
    json: { ...(path !== undefined && { paths: path }), ...(target !== undefined && { target }) },
    patienceMs,
  })
  if (!isApplied) {
    await show(client, found)
    return exitCodeFor(found)
  }
  // Otherwise there would be two things on one output.
  if (client.output === 'text') await show(client, found)
  return apply(client, found.id, options)
}

function exitCodeFor({ counts: { added, changed, deleted, conflicts } }: Comparison): number {
  if (conflicts > 0) return exitCodes.conflict
  return added + changed + deleted > 0 ? exitCodes.differs : 0
}

async function apply(client: Client, id: string, options: SelectionOptions & WaitOptions): Promise<number> {
  const { body } = await client.server.post<{ id: string }>(`/comparisons/${id}/apply`, {
    json: selectionOf(options),
    patienceMs,
  })
  return showOutcome(client, body.id, options)
}

export async function showComparison(client: Client, id: string): Promise<Comparison> {
  const { body } = await client.server.get<Comparison>(`/comparisons/${segment(id)}`)
  await show(client, body)
  return body
}

async function show(client: Client, comparison: Comparison): Promise<void> {
  const rows = pages<Row>(client, `/comparisons/${comparison.id}/resources`)
  if (client.output === 'ndjson') {
    for await (const page of rows) await print(page.map((row) => `${JSON.stringify(row)}\n`).join(''))
    return
  }
  if (client.output === 'json') {
    const items: Row[] = []
    for await (const page of rows) items.push(...page)
    await print(`${JSON.stringify({ ...comparison, resources: items }, undefined, 2)}\n`)
    return
  }
  for await (const page of rows) await print(page.map(textOf).join(''))
  const { added, changed, deleted, conflicts } = comparison.counts
  const inConflict = conflicts === 0 ? '' : `, ${count(conflicts)} in conflict`
  await print(`${count(added)} added, ${count(changed)} changed, ${count(deleted)} deleted${inConflict}\n`)
}

function textOf({ path, state, class: cls, changed, selected, changes = [], breaking = [] }: Row): string {
  const sign =
    cls === 'conflict' ? '!' : state === 'added' ? '+' : state === 'deleted' ? '-' : changed === true ? '~' : ''
  if (sign === '') return ''
  const parts = changes.map(
    ({ part, class: partClass, breaking: why = [] }) => `        ${plain(part)} (${partClass})${whyText(why)}\n`,
  )
  return `${sign} [${selected ? 'x' : ' '}] ${plain(path)} (${cls})${whyText(breaking)}\n${parts.join('')}`
}

function whyText(breaking: readonly string[]): string {
  return breaking.length === 0 ? '' : ` breaking: ${plain(breaking.join('; '))}`
}

/** What of a selection was said; nothing means the ticks as they are shown. */
function selectionOf(options: SelectionOptions): object {
  const { preset, select, deselect, part = [], resolve = [], overwrite, allowDeletes, overrideGuard } = options
  const parts: Record<string, string[]> = {}
  for (const text of part) {
    const [path, name] = pairOf('--part', text)
    ;(parts[path] ??= []).push(name)
  }
  const resolved = Object.fromEntries(resolve.map((text) => pairOf('--resolve', text)))
  return {
    ...(preset !== undefined && { preset }),
    ...(select !== undefined && { select }),
    ...(deselect !== undefined && { deselect }),
    ...(part.length > 0 && { parts }),
    ...(resolve.length > 0 && { resolve: resolved }),
    ...(overwrite === true && { overwrite }),
    ...(allowDeletes === true && { allowDeletes }),
    ...(overrideGuard !== undefined && { overrideGuard }),
  }
}

/** At the last `=`: a path may have some. */
function pairOf(option: string, text: string): [string, string] {
  const at = text.lastIndexOf('=')
  if (at <= 0) throw usage(`${option} needs a path, = and what is meant for it, and not ${text}`)
  return [text.slice(0, at), text.slice(at + 1)]
}
