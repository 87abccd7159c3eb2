/**
 * Does one thing with a directory, or an endpoint of another kind, in a process of its own, so that it can be killed, stopped, or run by another user.
 * Prints `begun`, and what came of it as a line of JSON.
 */
import { kinds } from '../../src/endpoints/kinds.ts'
import { ReplicationError } from '../../src/errors.ts'
import type { TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { never, pathsIn } from './trees.ts'

export type Task = { readonly path: string; readonly kind?: string; readonly options?: object } & (
  { readonly do: 'apply'; readonly delivery: TargetDelivery } | { readonly do: 'read' } | { readonly do: 'test' }
)

export interface Outcome {
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly transient: boolean }
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const context = { installation: 'test' }

async function perform(): Promise<unknown> {
  const kind = kinds.find(({ name }) => name === (task.kind ?? 'directory'))
  const options = { path: task.path, ...task.options }
  const source = kind?.source?.(options, context)
  const target = kind?.target?.(options, context)
  if (source === undefined || target === undefined) throw new Error('it has both')
  if (task.do === 'read') return pathsIn(source)
  if (task.do === 'apply') return target.apply(task.delivery, never)
  const steps = []
  for await (const step of target.test(never)) steps.push(step)
  return steps
}

process.stdout.write('begun\n')
const outcome: Outcome = await perform().then(
  (result) => ({ result }),
  (error: unknown) => {
    if (!(error instanceof ReplicationError)) throw error
    const { code, message, transient } = error
    return { error: { code, message, transient } }
  },
)
process.stdout.write(`${JSON.stringify(outcome)}\n`)
