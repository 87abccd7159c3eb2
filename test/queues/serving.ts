/**
 * A server that begins each delivery and never ends it by itself: `node serving.js <redis url> <prefix> <options>`. It says
 * `began <key>` and `aborted <key>`, and answers then that it would go on at once.
 */
import { openServer, type WorkOptions } from './given-bullmq.ts'

const [url = '', prefix = '', options = '{}'] = process.argv.slice(2)
const say = (what: string): boolean => process.stdout.write(`${what}\n`)
const log = { error: (_: unknown, message: string): boolean => say(`error ${message}`) }
const { work } = openServer(url, prefix, log, JSON.parse(options) as WorkOptions)
work.handle(
  'deliveries',
  async ({ key }, signal) => {
    say(`began ${key}`)
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    say(`aborted ${key}`)
    return { at: 0 }
  },
  { concurrency: 1 },
)
await work.start()
