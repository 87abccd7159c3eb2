import { threadId, type MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../src/errors.ts'
import { receive, send } from '../../src/threads/stream.ts'

export async function run(
  data: {
    how: 'fail' | 'die' | 'double' | 'wait' | 'count' | 'break off' | 'name' | 'stand still'
    until?: SharedArrayBuffer
  },
  port: MessagePort,
  signal: AbortSignal,
): Promise<number> {
  switch (data.how) {
    case 'fail':
      throw new ReplicationError('corrupt', 'as asked', { final: true, faults: [{ pointer: '/a', message: 'b' }] })
    case 'die':
      return process.exit(3)
    case 'stand still':
      Atomics.wait(new Int32Array(data.until ?? new SharedArrayBuffer(4)), 0, 0)
      return threadId
    case 'name':
      return threadId
    case 'wait':
      await new Promise((_, reject) => {
        const stop = (): void => reject(new ReplicationError('unavailable', 'aborted'))
        // It may have been aborted while this module was loaded.
        if (signal.aborted) stop()
        else signal.addEventListener('abort', stop)
      })
      return 0
    case 'count': {
      let sent = 0
      await send(
        port,
        (function* () {
          for (let i = 0; i < 1000; i++) {
            sent++
            yield i
          }
        })(),
      )
      return sent
    }
    case 'break off':
      await send(
        port,
        (function* () {
          yield 1
          throw new ReplicationError('corrupt', 'as asked')
        })(),
      )
      return 0
    case 'double': {
      let sum = 0
      for await (const n of receive<number>(port)) sum += n
      return sum
    }
  }
}
