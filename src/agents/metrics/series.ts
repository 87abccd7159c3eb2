/** What a series is of; nothing else, so that there are never more of them than agents, targets and a few results. */
export interface Labels {
  readonly agent?: string
  readonly target?: string
  readonly result?: string
}

/** A metric as Prometheus reads it: its name and what it is, then a line for each of its numbers. */
export interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  lines(): Iterable<string>
}

/** What exists: the targets and passive queues of each agent. */
export type Standing = ReadonlyMap<string, ReadonlySet<string>>

interface Kept<Value> {
  readonly labels: string
  readonly target: string | undefined
  /** By the clock of `performance`, ms. */
  readonly bornAt: number
  readonly value: Value
}

/**
 * The series of one metric, by agent, so that those of an agent can go with it. (prom-client writes out all series of a metric
 * in one go, which for thousands of histograms holds the event loop up; and it cannot forget by one label:
 * docs/decisions/0013-where-a-library-stops-the-loop.md.)
 */
class Series<Value> {
  readonly #byAgent = new Map<string, Map<string, Kept<Value>>>()
  readonly #make: () => Value

  constructor(make: () => Value) {
    this.#make = make
  }

  at(labels: Labels): Value {
    const { agent = '', target = '', result = '' } = labels
    let own = this.#byAgent.get(agent)
    if (own === undefined) this.#byAgent.set(agent, (own = new Map()))
    const key = `${target}\n${result}`
    let kept = own.get(key)
    if (kept === undefined) {
      kept = { labels: textOf(labels), target: labels.target, bornAt: performance.now(), value: this.#make() }
      own.set(key, kept)
    }
    return kept.value
  }

  *all(): Iterable<Kept<Value>> {
    for (const own of this.#byAgent.values()) yield* own.values()
  }

  forget(agent: string): void {
    this.#byAgent.delete(agent)
  }

  /** Those of agents and targets that are no more go; not those that are younger than what is known of that. */
  keepOnly(standing: Standing, knownAt: number): void {
    for (const [agent, own] of this.#byAgent) {
      if (agent === '') continue
      const targets = standing.get(agent)
      for (const [key, { target, bornAt }] of own)
        if (bornAt < knownAt && (targets === undefined || (target !== undefined && !targets.has(target))))
          own.delete(key)
      if (own.size === 0) this.#byAgent.delete(agent)
    }
  }
}

/** Only rises. */
export class Counts implements Family {
  readonly type = 'counter'
  readonly name: string
  readonly help: string
  readonly #series = new Series(() => ({ sum: 0 }))

  constructor(name: string, help: string) {
    this.name = name
    this.help = help
  }

  add(labels: Labels, amount = 1): void {
    this.#series.at(labels).sum += amount
  }

  *lines(): Iterable<string> {
    for (const { labels, value } of this.#series.all()) yield `${this.name}${braced(labels)} ${value.sum}`
  }

  get series(): Pick<Series<unknown>, 'forget' | 'keepOnly'> {
    return this.#series
  }
}

/** How often something took how long. */
export class Durations implements Family {
  readonly type = 'histogram'
  readonly name: string
  readonly help: string
  readonly #bounds: readonly number[]
  readonly #series: Series<{ counts: number[]; sum: number; count: number }>

  /** `bounds`: upper, in seconds, rising. */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name
    this.help = help
    this.#bounds = bounds
    this.#series = new Series(() => ({ counts: bounds.map(() => 0), sum: 0, count: 0 }))
  }

  observe(labels: Labels, seconds: number): void {
    const value = this.#series.at(labels)
    const at = this.#bounds.findIndex((bound) => seconds <= bound)
    if (at >= 0) value.counts[at] = (value.counts[at] ?? 0) + 1
    value.sum += seconds
    value.count++
  }

  *lines(): Iterable<string> {
    const { name } = this
    for (const { labels, value } of this.#series.all()) {
      const before = labels === '' ? '' : `${labels},`
      let below = 0
      for (const [i, bound] of this.#bounds.entries())
        yield `${name}_bucket{${before}le="${bound}"} ${(below += value.counts[i] ?? 0)}`
      yield `${name}_bucket{${before}le="+Inf"} ${value.count}`
      yield `${name}_sum${braced(labels)} ${value.sum}`
      yield `${name}_count${braced(labels)} ${value.count}`
    }
  }

  get series(): Pick<Series<unknown>, 'forget' | 'keepOnly'> {
    return this.#series
  }
}

/** What is so at this moment. */
export class Gauges implements Family {
  readonly type = 'gauge'
  readonly name: string
  readonly help: string
  readonly #values: Iterable<readonly [Labels, number]>

  /** `values` is read when the lines are. */
  constructor(name: string, help: string, values: Iterable<readonly [Labels, number]>) {
    this.name = name
    this.help = help
    this.#values = values
  }

  *lines(): Iterable<string> {
    for (const [labels, value] of this.#values) yield `${this.name}${braced(textOf(labels))} ${value}`
  }
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}

function textOf(labels: Labels): string {
  return (['agent', 'target', 'result'] as const)
    .flatMap((name) => (labels[name] === undefined ? [] : [`${name}="${escaped(labels[name])}"`]))
    .join(',')
}

/** As the text format wants it within quotes. */
function escaped(value: string): string {
  return value.replaceAll(/[\\"\n]/g, (char) => (char === '\n' ? String.raw`\n` : `\\${char}`))
}
