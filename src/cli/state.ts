import type { Command } from 'commander'
import { guarded } from './ending.ts'
import { inputFrom, outputTo } from './files.ts'
import { Progress } from './progress.ts'
import { count, say } from './say.ts'

const exportHelp = `
Writes the whole state: configs with their secrets, which are encrypted, queues, histories, idempotency keys, epochs and logs with their
sequences. To use it one needs the key of the secrets (SECRETS_KEY, or DATA_DIR/secrets.key), which is not in it: keep that apart.
The file is readable by its owner alone; keep it so. It is JSON lines, and may be packed. Of packages it holds
what is known of them, not their bytes, and so it is with what comparisons have found: give --packages, or copy PACKAGES_DIR as well.

Stop the server before; with REDIS_URL, stop all servers, or let them stand still: an export during which the state
changes fails. Settings are the server's own: DATA_DIR, or REDIS_URL and REDIS_PREFIX, PACKAGES_DIR, CONFIG_DIR.

Exit status: 0 when the export is whole, 1 when it failed, 2 for wrong usage.`

const importHelp = `
Reads what export has written, of whatever engine, into the state that DATA_DIR, or REDIS_URL and REDIS_PREFIX, name. It is
all there at the end, or nothing has changed; while it is under way, or when it was broken off, no server starts.
Stop all servers before.

Exit status: 0 when the state has taken its place (packages may be missing: this is said), 1 when it failed and nothing
has changed, 2 for wrong usage.`

const unchanged = 'interrupted; nothing has changed'

interface Tally {
  readonly entries: number
  readonly packages: number
  readonly copied: number
  readonly missing: number
  readonly lostRows: number
}

interface Moved extends Tally {
  readonly keys: readonly string[]
}

interface Options {
  readonly packages?: string
  readonly replace?: boolean
  readonly rewind?: boolean
  readonly abandon?: boolean
}

/** `trebuchet state …`: an installation's back-up, and its way from one engine to the other. */
export function addStateCommands(program: Command): void {
  const state = program.command('state').description('Exports and imports everything that an installation knows.')
  state
    .command('export')
    .description('Writes the state to FILE, or to standard output.')
    .argument('[FILE]', 'where to; - is standard output', '-')
    .option(
      '--packages <DIR>',
      'copy the packages, and files of comparisons, that the state refers to into DIR; those that are there already stay',
    )
    .addHelpText('after', exportHelp)
    .action((file: string, { packages }: Options) => guarded(unchanged, (signal) => exportTo(file, packages, signal)))
  state
    .command('import')
    .description('Reads a state from FILE, or from standard input, in one step.')
    .argument('[FILE]', 'where from; - is standard input')
    .option(
      '--packages <DIR>',
      'copy the packages, and files of comparisons, that the state refers to from DIR into PACKAGES_DIR',
    )
    .option('--replace', 'in the place of a state that is there')
    .option(
      '--rewind',
      'FILE is a back-up, and servers went on after it was made: begin with epochs that targets have not seen, for they refuse older ones',
    )
    .option('--abandon', 'go back to the state before an import that was broken off; goes without FILE')
    .addHelpText('after', importHelp)
    .action((file: string | undefined, options: Options, command: Command) => {
      if ((file === undefined) !== (options.abandon === true))
        command.error('error: import takes either a FILE (- is standard input) or --abandon', { exitCode: 2 })
      return guarded(unchanged, (signal) => (file === undefined ? abandon() : importFrom(file, options, signal)))
    })
}

async function exportTo(file: string, packages: string | undefined, signal: AbortSignal): Promise<void> {
  const { exportState, settings, log } = await parts()
  const progress = new Progress(process.stderr)
  try {
    const onProgress = (tally: Tally): void => progress.show(() => sumOf(tally))
    const tally = await exportState({ settings, log, signal, packages, onProgress }, (lines) =>
      outputTo(file, lines, signal),
    )
    progress.end()
    say(`exported ${sumOf(tally)}`)
    if (packages === undefined && tally.packages > 0)
      say(`their bytes are not in it: copy ${settings.packagesDir} as well, or give --packages DIR`)
    if (tally.missing > 0)
      say(`warning: ${tally.missing} of these packages could not be copied from ${settings.packagesDir}`)
    sayLost(tally, settings.packagesDir)
    sayKeys(
      tally,
      (keys) => `its secrets are encrypted: who uses it needs ${keys}, of SECRETS_KEY or DATA_DIR/secrets.key`,
    )
  } finally {
    progress.end()
  }
}

function sayKeys({ keys }: Moved, words: (keys: string) => string): void {
  if (keys.length > 0) say(words(`${keys.length === 1 ? 'key' : 'keys'} ${keys.join(', ')}`))
}

async function importFrom(file: string, options: Options, signal: AbortSignal): Promise<void> {
  const { importState, settings, log } = await parts()
  const { packages, replace = false, rewind = false } = options
  const progress = new Progress(process.stderr)
  const input = inputFrom(file)
  // It may be waiting for more.
  signal.addEventListener('abort', () => input.destroy(signal.reason as Error))
  try {
    const onProgress = (tally: Tally): void => progress.show(() => sumOf(tally))
    const { header, tally } = await importState({ settings, log, signal, packages, replace, rewind, onProgress }, input)
    progress.end()
    say(`imported ${sumOf(tally)}, of installation ${header.installation} as it was at ${header.at} (${header.engine})`)
    if (tally.missing > 0)
      say(
        `warning: ${tally.missing} of these packages are not in ${settings.packagesDir}: copy them there before a server starts, ` +
          'or what waits for them cannot be delivered',
      )
    sayLost(tally, settings.packagesDir)
    sayKeys(
      tally,
      (keys) =>
        `warning: secrets in it need ${keys}, not here: add it to SECRETS_KEY, or put back DATA_DIR/secrets.key`,
    )
    if (!rewind) say('if servers went on after the export was made, import it again with --replace --rewind')
  } finally {
    input.destroy()
    progress.end()
  }
}

function sayLost({ lostRows }: Tally, folder: string): void {
  if (lostRows === 0) return
  say(
    `warning: ${lostRows} files of comparisons are not in ${folder}/comparisons: such comparisons cannot be read, ` +
      'and what source and target had in common is no longer known (class unbased)',
  )
}

async function abandon(): Promise<void> {
  const { abandonImport, settings, log } = await parts()
  const found = await abandonImport({ settings, log })
  say(found ? 'the state is the one before the import that was broken off' : 'no import was broken off here')
}

async function parts() {
  const [{ exportState, importState, abandonImport }, { loadSettings }] = await Promise.all([
    import('../backup.ts'),
    import('../settings.ts'),
  ])
  const log = {
    info: () => undefined,
    warn: ({ err }: Readonly<Record<string, unknown>>, message: string) =>
      say(err instanceof Error ? `${message}: ${err.message}` : message),
  }
  return { exportState, importState, abandonImport, settings: loadSettings(process.env), log }
}

function sumOf({ entries, packages, copied }: Tally): string {
  return `${count(entries)} entries, ${count(packages)} packages${copied > 0 ? ` (${count(copied)} copied)` : ''}`
}
