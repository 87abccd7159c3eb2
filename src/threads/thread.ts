/** What runs in each thread of a pool: takes an order, imports its module, calls its `run`, answers. */
import { parentPort } from 'node:worker_threads'
import { freeze } from './frozen.ts'
import type { Answer, Notice, Order, Run } from './pool.ts'

/** How often it is told that a job goes on. */
const tellMs = 1000
/** With less it does not. */
const workedMs = 10

const aborts = new Map<number, AbortController>()

async function perform(order: Order): Promise<Answer> {
  const abort = new AbortController()
  aborts.set(order.job, abort)
  const telling = tellOf(order.job)
  try {
    const { run } = (await import(order.module)) as { run: Run<unknown, unknown> }
    return { job: order.job, result: await run(order.data, order.port, abort.signal) }
  } catch (error) {
    return { job: order.job, error: freeze(error) }
  } finally {
    clearInterval(telling)
    aborts.delete(order.job)
    order.port.close()
  }
}

/** Not while it waits, nor while a call to the system lasts. */
function tellOf(job: number): NodeJS.Timeout {
  let before = performance.eventLoopUtilization()
  return setInterval(() => {
    const { active } = performance.eventLoopUtilization(before)
    before = performance.eventLoopUtilization()
    if (active > workedMs) parentPort?.postMessage({ job, works: true } satisfies Answer)
  }, tellMs)
}

parentPort?.on('message', (message: Order | Notice) => {
  if ('abort' in message) aborts.get(message.abort)?.abort()
  // What is wrong with it is told to whoever has a job of it.
  else if ('load' in message) import(message.load).catch(() => undefined)
  else void perform(message).then((answer) => parentPort?.postMessage(answer))
})
