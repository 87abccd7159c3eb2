/** What the CPU profiles of our servers tell of one span of time: where each kind of thread was busy, and when none was. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** In µs, by the clock that node's profiles and `process.hrtime` have in common. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Busy {
  /** Ms in which no thread of any server ran, one alone, and several: waiting for the disk looks like the first. */
  readonly none: number
  readonly one: number
  readonly several: number
  /** Ms by kind of work and then by thread, the largest kind first. */
  readonly kinds: ReadonlyMap<string, ReadonlyMap<string, number>>
}

/** What is told apart in each server. */
export const threads = ['event loop', 'threads'] as const

interface Profile {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string }
  readonly children?: readonly number[]
}

const idle = 'idle'
const unknown = 'native code outside of any function'

/** By what a function is called, wherever it is called from. */
const byName: ReadonlyMap<string, string> = new Map([
  ['(idle)', idle],
  ['wait', idle],
  ['(program)', unknown],
  ['(garbage collector)', 'garbage collection'],
  ['crc32', 'SHA-256, CRC-32'],
])

/** By where a function comes from: the first that fits. What fits none counts as what has called it. */
const byUrl: readonly (readonly [RegExp, string])[] = [
  [/^node:(internal\/)?(fs|child_process)/, 'file system'],
  [/^node:(internal\/)?crypto/, 'SHA-256, CRC-32'],
  [/^node:(internal\/)?zlib/, 'compression'],
  [/^node:(_http|net|_tls|tls|stream|internal\/(streams|stream_base|js_stream|webstreams))/, 'sockets and streams'],
  [/^node:internal\/(async_hooks|process\/task_queues|timers|worker)|^node:(async_hooks|timers)/, 'promises, messages'],
  [/\/src\/packages\//, 'packages and manifests'],
  [/\/src\/endpoints\//, 'endpoints'],
  [/\/src\//, 'agents, routes and the rest'],
  [/\/node_modules\//, 'libraries'],
]

/** `folder` holds the profiles of each role in a folder of its name. */
export function busyIn(folder: string, roles: readonly string[], span: Span): Busy {
  const kinds = new Map<string, Map<string, number>>()
  const edges: (readonly [atUs: number, change: 1 | -1])[] = []
  for (const role of roles)
    for (const name of readdirSync(join(folder, role)).filter((one) => one.endsWith('.cpuprofile'))) {
      // CPU.<date>.<time>.<pid>.<thread>.<number>.cpuprofile
      const column = `${role}, ${threads[name.split('.')[4] === '0' ? 0 : 1]}`
      for (const { kind, from, to } of slices(read(join(folder, role, name)), span)) {
        if (kind === idle || kind === unknown) continue
        edges.push([from, 1], [to, -1])
        const columns = kinds.get(kind) ?? new Map<string, number>()
        kinds.set(kind, columns.set(column, (columns.get(column) ?? 0) + (to - from) / 1000))
      }
    }
  const sum = (columns: ReadonlyMap<string, number>): number => [...columns.values()].reduce((a, b) => a + b, 0)
  const sorted = [...kinds].toSorted(([, one], [, other]) => sum(other) - sum(one))
  return { ...atOnce(edges, span), kinds: new Map(sorted) }
}

function read(file: string): Profile {
  return JSON.parse(readFileSync(file, 'utf8')) as Profile
}

interface Slice extends Span {
  readonly kind: string
}

function* slices({ nodes, startTime, samples, timeDeltas }: Profile, span: Span): Generator<Slice> {
  const kinds = kindsOf(nodes)
  let at = startTime
  for (const [index, sample] of samples.entries()) {
    const from = at
    at += timeDeltas[index] ?? 0
    if (at > span.from && from < span.to && at > from)
      yield { kind: kinds.get(sample) ?? unknown, from: Math.max(from, span.from), to: Math.min(at, span.to) }
  }
}

/** A node is told after the one that calls it. */
function kindsOf(nodes: readonly ProfileNode[]): ReadonlyMap<number, string> {
  const kinds = new Map<number, string>()
  const callers = new Map<number, number>()
  for (const { id, callFrame, children = [] } of nodes) {
    for (const child of children) callers.set(child, id)
    const { functionName, url } = callFrame
    const own = byName.get(functionName) ?? byUrl.find(([pattern]) => pattern.test(url))?.[1]
    kinds.set(id, own ?? kinds.get(callers.get(id) ?? -1) ?? unknown)
  }
  return kinds
}

function atOnce(edges: readonly (readonly [number, number])[], { from, to }: Span): Omit<Busy, 'kinds'> {
  const ms = [0, 0, 0] as [number, number, number]
  let [running, since] = [0, from]
  for (const [at, change] of [...edges.toSorted(([one], [other]) => one - other), [to, 0] as const]) {
    ms[Math.min(running, 2) as 0 | 1 | 2] += (at - since) / 1000
    running += change
    since = at
  }
  const [none, one, several] = ms
  return { none, one, several }
}
