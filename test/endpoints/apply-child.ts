/**
 * Does one thing with a directory in a process of its own, so that it can be killed, stopped, or run by another user.
 * Prints `begun`, and what came of it as a line of JSON.
 */
import { directory } from '../../src/endpoints/directory.ts'
import { ReplicationError } from '../../src/errors.ts'
import type { TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { never, pathsIn } from './trees.ts'

export type Task =
  | { readonly do: 'apply'; readonly path: string; readonly delivery: TargetDelivery }
  | { readonly do: 'read'; readonly path: string }
  | { readonly do: 'test'; readonly path: string }

export interface Outcome {
  readonly result?: unknown
  readonly error?: { readonly code: string; readonly message: string; readonly transient: boolean }
}

const task = JSON.parse(process.argv[2] ?? '') as Task
const context = { installation: 'test' }

async function perform(): Promise<unknown> {
  const source = directory.source?.({ path: task.path }, context)
  const target = directory.target?.({ path: task.path }, context)
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
