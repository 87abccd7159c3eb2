import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { createInterface } from 'node:readline/promises'
import type { Command } from 'commander'
import { parseJson, printJson } from '../../documents/json.ts'
import { fieldOf, isFields, type Value } from '../../documents/value.ts'
import { parseYaml, printYaml } from '../../documents/yaml.ts'
import { Ending, exitCodes, usage } from '../ending.ts'
import { count, print, say } from '../say.ts'
import { segment, speaks, type Client } from './options.ts'
import { pages, plain, printList } from './print.ts'

interface Config {
  readonly name: string
  /** Where it was read. */
  readonly file: string
  readonly json: string
}

interface Verdict {
  readonly valid: boolean
  readonly errors: readonly Fault[]
  readonly warnings: readonly Fault[]
  readonly changes?: readonly ConfigChange[]
  readonly etag?: string
}

interface Fault {
  readonly pointer: string
  readonly message: string
}

interface ConfigChange {
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

/** What applying would do to one agent. */
interface Step {
  readonly name: string
  readonly action: 'create' | 'update' | 'delete' | 'none'
  readonly changes: readonly ConfigChange[]
  readonly config?: Config
  readonly etag?: string
}

interface ApplyOptions {
  readonly yes?: boolean
  readonly dryRun?: boolean
  readonly delete?: boolean
  readonly force?: boolean
}

/** `config apply DIR`, and of single agents `agent apply`. */
export function addConfigCommands(program: Command): void {
  const group = program.command('config').description('Brings the configs of all agents in line with files.')
  speaks(
    applyOptions(
      group
        .command('apply')
        .summary('creates and updates agents from the files of a directory')
        .description(
          'Creates and updates agents from the .json, .yaml and .yml files in DIR, and shows the difference first.',
        )
        .argument('<DIR>')
        .option('--delete', 'delete agents that have no file')
        .option('--force', 'also where queues hold items, which are then lost')
        .addHelpText(
          'after',
          '\nExample\n  trebuchet config apply ./agents --dry-run && trebuchet config apply ./agents --yes',
        ),
    ),
    async (client, folder: string, options: ApplyOptions) => apply(client, await configsIn(folder), options),
  )
}

export function applyOptions(command: Command): Command {
  return command
    .option('--yes', 'do not ask')
    .option('--dry-run', 'show the difference and change nothing; exit status 2 when there is one')
}

/** Shows what would change, asks where somebody can answer, and does it. Answers the exit code. */
export async function apply(client: Client, configs: readonly Config[], options: ApplyOptions): Promise<number> {
  const { yes = false, dryRun = false, delete: deleting = false, force = false } = options
  const steps = [...(await stepsFor(client, configs)), ...(deleting ? await deletions(client, configs) : [])]
  const changing = steps.filter(({ action }) => action !== 'none')
  if (client.output === 'text') await print(steps.map(stepText).join(''))
  else await printSteps(client, steps)
  if (dryRun) return changing.length > 0 ? exitCodes.differs : 0
  if (changing.length === 0) return 0
  if (!yes && !(await isAgreed(changing.length)))
    throw new Ending(exitCodes.failed, 'nothing was changed: it was not agreed to (--yes agrees beforehand)')
  let done = 0
  for (const step of changing)
    try {
      await carryOut(client, step, force)
      done++
    } catch (error) {
      if (done === 0) throw error
      throw new Ending(
        exitCodes.partly,
        `${(error as Error).message}; ${done} of ${changing.length} agents were changed before`,
        { cause: error },
      )
    }
  say(`${count(done)} of ${count(steps.length)} agents changed`)
  return 0
}

/** All files are checked before any is applied. Throws an Ending with everything that is wrong with them. */
async function stepsFor({ server }: Client, configs: readonly Config[]): Promise<Step[]> {
  const steps: Step[] = []
  const faults: string[] = []
  for (const config of configs) {
    const { body } = await server.post<Verdict>('/config/validate', rawJson(config.json))
    for (const { pointer, message } of body.errors) faults.push(`${config.file}: ${pointer || '/'} ${message}`)
    for (const { pointer, message } of body.warnings) say(`warning: ${config.file}: ${pointer || '/'} ${message}`)
    const { changes = [], etag } = body
    const action = etag === undefined ? 'create' : changes.length > 0 ? 'update' : 'none'
    steps.push({ name: config.name, action, changes, config, ...(etag !== undefined && { etag }) })
  }
  if (faults.length > 0) throw new Ending(exitCodes.failed, `nothing was changed: ${faults.join('; ')}`)
  return steps
}

async function deletions(client: Client, configs: readonly Config[]): Promise<Step[]> {
  if (configs.length === 0) throw usage('there are no configs, and --delete would delete every agent')
  const kept = new Set(configs.map(({ name }) => name))
  const steps: Step[] = []
  for await (const page of pages<{ readonly name: string }>(client, '/config'))
    for (const { name } of page) if (!kept.has(name)) steps.push({ name, action: 'delete', changes: [] })
  return steps
}

async function carryOut({ server }: Client, { name, action, config, etag }: Step, force: boolean): Promise<void> {
  const query = force ? { force: 'true' } : {}
  if (action === 'delete') return void (await server.call('DELETE', `/config/${segment(name)}`, { query }))
  // Whoever was faster is not overwritten: what was shown is what is done.
  const condition = etag === undefined ? { 'if-none-match': '*' } : { 'if-match': etag }
  const { body, headers } = rawJson(config?.json ?? '')
  await server.call('PUT', `/config/${segment(name)}`, { query, body, headers: { ...headers, ...condition } })
}

/** As it stands in the file, numbers included. */
function rawJson(json: string) {
  return { body: () => Readable.from([Buffer.from(json)]), headers: { 'content-type': 'application/json' } }
}

async function isAgreed(changes: number): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const answer = await lines.question(`Change ${changes} ${changes === 1 ? 'agent' : 'agents'}? [y/N] `)
    return /^y(es)?$/i.test(answer.trim())
  } finally {
    lines.close()
  }
}

const marks = { create: '+', update: '~', delete: '-', none: '=' } as const

function stepText({ name, action, changes }: Step): string {
  const lines = [`${marks[action]} ${name}`]
  if (action === 'update')
    for (const { pointer, ...change } of changes) {
      if ('before' in change) lines.push(`    - ${pointer}: ${JSON.stringify(change.before)}`)
      if ('after' in change) lines.push(`    + ${pointer}: ${JSON.stringify(change.after)}`)
    }
  return `${lines.map(plain).join('\n')}\n`
}

async function printSteps(client: Client, steps: readonly Step[]): Promise<void> {
  const shown = steps.map(({ name, action, changes }) => ({ name, action, changes }))
  await printList(
    client.output,
    (async function* () {
      yield shown
    })(),
    [],
    () => [],
  )
}

async function configsIn(folder: string): Promise<Config[]> {
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    throw new Ending(exitCodes.failed, `${folder} cannot be read: ${(error as Error).message}`, { cause: error })
  }
  const configs: Config[] = []
  for (const name of names.filter((one) => /^[^.].*\.(?:json|ya?ml)$/i.test(one)).toSorted()) {
    const file = join(folder, name)
    configs.push(await configIn(file))
  }
  const twice = configs.find((one, i) => configs.findIndex(({ name }) => name === one.name) !== i)
  if (twice !== undefined) throw new Ending(exitCodes.failed, `${twice.file}: agent ${twice.name} has another file`)
  return configs
}

/** Throws an Ending for what is no config; `-` is standard input. */
export async function configIn(file: string): Promise<Config> {
  try {
    const text = file === '-' ? await textOf(process.stdin) : await readFile(file, 'utf8')
    const value: Value | undefined = /\.json$/i.test(file) ? parseJson(text) : parseYaml(text)
    const name = fieldOf(value, 'name')
    if (value === undefined || !isFields(value) || typeof name !== 'string')
      throw new Error('it is no config of an agent, which has a name')
    return { file, name, json: printJson(value) }
  } catch (error) {
    throw new Ending(exitCodes.failed, `${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The config as its server has it, with every digit. */
export async function printConfig({ server, output }: Client, name: string): Promise<void> {
  const { body } = await server.open('GET', `/config/${segment(name)}`)
  const json = await body.text()
  if (output === 'text') await print(printYaml(parseJson(json)))
  else await print(output === 'json' ? `${JSON.stringify(JSON.parse(json), undefined, 2)}\n` : `${json.trimEnd()}\n`)
}
