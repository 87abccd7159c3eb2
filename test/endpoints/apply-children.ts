import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Outcome, Task } from './apply-child.ts'

const program = fileURLToPath(new URL('./apply-child.js', import.meta.url))

export interface Child {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  /** Resolves when it begins; rejects when it ended before. */
  readonly begun: Promise<void>
  /** Undefined when it was killed, or could not do its task at all. */
  readonly outcome: Promise<Outcome | undefined>
}

export function startChild(task: Task, options: SpawnOptions = {}): Child {
  const child = spawn(process.execPath, [program, JSON.stringify(task)], {
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
  }) as ChildProcessByStdio<null, Readable, Readable>
  child.stderr.resume()
  const lines: string[] = []
  const reader = createInterface(child.stdout)
  const begun = new Promise<void>((resolve, reject) => {
    reader.on('line', (line) => {
      lines.push(line)
      resolve()
    })
    child.on('error', reject)
    child.on('exit', () => reject(new Error('it ended before it began')))
  })
  begun.catch(() => undefined)
  const outcome = once(child, 'close').then(() =>
    lines[1] === undefined ? undefined : (JSON.parse(lines[1]) as Outcome),
  )
  return { process: child, begun, outcome }
}
