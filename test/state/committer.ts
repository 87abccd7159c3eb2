/**
 * What embedded.test.ts starts as a process of its own, with a folder and a task:
 *   commit         twenty callers commit, each batch in three places, until somebody kills the process; the number of each
 *                  batch is printed when it was answered
 *   fill           commits until it is refused, then prints the refusal
 *   hold <ms>      keeps LMDB's only writer, as a disk that hangs would, once it has printed `held`
 */
import { writeSync } from 'node:fs'
import { open } from 'lmdb'
import { openEmbedded } from '../../src/state/embedded.ts'
import type { Store } from '../../src/state/store.ts'

const [folder = '', task, ms] = process.argv.slice(2)
const say = (line: string): void => {
  writeSync(1, `${line}\n`)
}

async function commit(store: Store): Promise<void> {
  let next = await store.last('log')
  const caller = async (): Promise<void> => {
    for (;;) {
      const n = String(++next)
      await store.commit({
        writes: [
          { put: `a/${n}`, value: n },
          { put: `b/${n}`, value: n.repeat(300) },
          { append: 'log', value: n },
        ],
      })
      say(n)
    }
  }
  await Promise.all(Array.from({ length: 20 }, caller))
}

async function fill(store: Store): Promise<void> {
  for (let n = 1; ; n++) {
    try {
      await store.commit({
        writes: [
          { put: `a/${n}`, value: n },
          { put: `b/${n}`, value: 'x'.repeat(50_000) },
          { append: 'log', value: n },
        ],
      })
      say(String(n))
    } catch (error) {
      const { code, message } = error as { code: string; message: string }
      const [a, b] = await store.getAll([`a/${n}`, `b/${n}`])
      const half = a !== undefined || b !== undefined
      const last = await store.last('log')
      // Room comes from what is deleted, in the same process.
      const writes = Array.from({ length: 9 }, (_, i) => ({ delete: `b/${i + 1}` }))
      const after = await store.commit({ writes }).then(
        () => 'committed',
        (refused: Error) => refused.message,
      )
      say(JSON.stringify({ code, message, half, last, after }))
      return
    }
  }
}

if (task === 'hold') {
  const database = open<string, string>({ path: folder, noSubdir: false, overlappingSync: false })
  database.transactionSync(() => {
    say('held')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(ms))
  })
  await database.close()
} else {
  const store = await openEmbedded(folder)
  await (task === 'fill' ? fill(store) : commit(store))
  await store.close()
}
