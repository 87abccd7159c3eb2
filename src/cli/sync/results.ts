import type { Receipt, ResourceResult } from '../../endpoints/endpoint.ts'
import { nameAt } from '../../documents/names.ts'
import { count, counted, say } from '../say.ts'
import type { SyncOptions } from './options.ts'

const shownFailures = 20
const order = ['created', 'updated', 'deleted', 'unchanged', 'failed', 'skipped'] as const
type Outcome = ResourceResult['outcome']

/** What becomes of each resource: told as it happens, and summed up. */
export class Results {
  total = 0
  readonly #options: Pick<SyncOptions, 'output' | 'verbose'>
  readonly #counts = new Map<Outcome, number>()
  #lead = '{"results":['

  constructor(options: Pick<SyncOptions, 'output' | 'verbose'>) {
    this.#options = options
  }

  add(result: ResourceResult): void {
    const { path, outcome, error } = result
    this.total++
    this.#counts.set(outcome, this.#count(outcome) + 1)
    const { output, verbose } = this.#options
    const name = path.slice(1)
    if (outcome === 'failed' && (verbose || this.#count('failed') <= shownFailures))
      say(`${name}: failed: ${error?.detail ?? 'for a reason that is not known'}`)
    else if (verbose) say(`${name}: ${outcome}${error === undefined ? '' : `: ${error.detail}`}`)
    if (output === 'text' || outcome === 'unchanged') return
    const line = JSON.stringify({ path, ...nameAt(path), outcome, ...(error !== undefined && { error }) })
    process.stdout.write(output === 'json' ? `${this.#lead}\n${line}` : `${line}\n`)
    this.#lead = ','
  }

  /** What has changed at the destination, as far as it has said so. */
  get done(): number {
    return this.#count('created') + this.#count('updated') + this.#count('deleted')
  }

  get text(): string {
    const parts = order.filter((outcome) => this.#count(outcome) > 0)
    return parts.map((outcome) => `${count(this.#count(outcome))} ${outcome}`).join(', ')
  }

  #count(outcome: Outcome): number {
    return this.#counts.get(outcome) ?? 0
  }

  /** `of` so many resources. */
  end(of: number): void {
    const { output } = this.#options
    const failures = this.#count('failed')
    if (failures > shownFailures && !this.#options.verbose)
      say(`… and ${counted(failures - shownFailures, 'failure')} more`)
    if (output === 'text') return
    const summary = JSON.stringify({
      resources: of,
      ...Object.fromEntries(order.map((one) => [one, this.#count(one)])),
    })
    if (output === 'json') process.stdout.write(`${this.#lead === ',' ? '\n' : this.#lead}],"summary":${summary}}\n`)
    else process.stdout.write(`{"summary":${summary}}\n`)
  }

  /** Of a run in which nothing failed. */
  sum({ entries }: Receipt): void {
    say(this.total > 0 ? this.text : `${counted(entries, 'resource')} written, or there already`)
  }
}
