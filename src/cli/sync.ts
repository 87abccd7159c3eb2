import type { Command } from 'commander'
import { guarded } from './ending.ts'
import { addSyncOptions } from './sync/options.ts'
import { startReaders } from './sync/threads.ts'

const help = `
ORIGIN and DESTINATION are each one of
  http://…, https://…          a REST or HAL service
  x.yaml x.yml x.json          a file of documents (.ndjson, .jsonl: a line for each)
  any other path               a directory: <type>/<id>.yaml
  -                            standard input, standard output
  null                         nothing; as the destination, to see whether the origins can be read

All origins are read to their end before anything is written. What several of them have must say the same. Resources
that are unchanged are not written, and those that no origin has stay, unless --delete is given.

--rm replaces what the destination held: a file is written anew; in a directory all resources that were not read go, and
nothing else (not .git, not README.md). It does nothing to services. --delete needs what --rm does not: that
no more goes than its guard admits.

Passwords and tokens never stand on the command line: --username asks, or takes --password-env; --token-env names a
variable. They go to the servers named as endpoints, and to no other that these link to.

Examples
  trebuchet sync http://localhost:8080/api/foo ./resources
  trebuchet sync --diff ./resources https://staging.example/api/foo --token-env STAGING_TOKEN
  trebuchet sync a.yaml b.yaml all.yaml --rm
  trebuchet sync ./resources - --json | jq .id

Exit status: 0 done (of --diff: no differences), 1 failed and nothing was changed, 2 wrong usage (of --diff: there are
differences), 3 origins that contradict each other, 4 done in part, 130 and 143 interrupted.`

/** `trebuchet sync`: from any endpoints to any other, without a server. */
export function addSyncCommand(program: Command): void {
  const command = program
    .command('sync')
    .summary('copies resources between services, files, directories and pipes')
    .description('Copies resources from any number of origins to a destination.')
    .usage('[OPTIONS] [ORIGIN]... DESTINATION')
    .argument('[ENDPOINT...]', 'origins, and last the destination')
    .addHelpText('after', help)
  const options = addSyncOptions(command)
  command.action((endpoints: readonly string[]) =>
    guarded('interrupted; nothing was written', async (signal) => {
      startReaders(endpoints.slice(0, -1))
      const { sync } = await import('./sync/run.ts')
      return sync(endpoints, options(), signal)
    }),
  )
}
