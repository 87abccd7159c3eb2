/** A job that gives numbers to whoever helps, and what does so. */
import { once } from 'node:events'
import { threadId, type MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../src/errors.ts'
import { assist, Assistant, type AskAssistant } from '../../src/threads/assistant.ts'

export type Ask = { readonly how: 'do' | 'fail' | 'die' | 'ask only' | 'wait'; readonly tasks: number }
type Told = { readonly n: number; readonly by: number }

const module = new URL(import.meta.url)

export async function run(
  ask: Ask | 'assistant',
  port: MessagePort,
  signal: AbortSignal,
  askAssistant: AskAssistant,
): Promise<{ by: number; told: Told[]; unasked: number }> {
  if (ask === 'assistant') {
    await assist(port, signal, async (task: { n: number; how: Ask['how'] }) => perform(task, signal))
    return { by: threadId, told: [], unasked: 0 }
  }
  const assistant = new Assistant<{ n: number; how: Ask['how'] }, Told>(askAssistant(module, 'assistant'))
  const given: Promise<Told>[] = []
  let unasked = 0
  if (ask.how === 'ask only') return { by: threadId, told: [], unasked }
  while (given.length < ask.tasks) {
    const done = assistant.give({ n: given.length, how: ask.how })
    if (done !== undefined) given.push(done)
    // Nothing is waited for: the event loop does not turn.
    else if (++unasked > 200) break
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
  }
  port.postMessage('given')
  await assistant.settled()
  return { by: threadId, told: await Promise.all(given), unasked }
}

async function perform({ n, how }: { n: number; how: Ask['how'] }, signal: AbortSignal): Promise<Told> {
  if (how === 'fail' && n === 1) throw new ReplicationError('corrupt', 'as asked')
  if (how === 'die' && n === 1) process.exit(3)
  if (how === 'wait') {
    if (!signal.aborted) await once(signal, 'abort')
    throw new ReplicationError('unavailable', 'stopped')
  }
  return { n, by: threadId }
}
