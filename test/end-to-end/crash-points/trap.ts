/**
 * Kills the server at its n-th durable step. To be loaded before it, `node --import trap.js?at=<n> src/server.js`; threads
 * load it, too, and count together with the others. Each step counts twice, before it is taken and after.
 *
 * The seams are wrapped from outside, so that the product has no code for its own death: what reaches the disk by `rename`
 * and `fsync`, in any thread, what is committed to the Store, wake-ups, what BullMQ is told of a job's end, and calls of other servers.
 */
import fs, { readlinkSync, writeSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads'
import type { Work } from '../../../src/queues/work.ts'
import type { Batch, Store } from '../../../src/state/store.ts'

const limit = Number(new URL(import.meta.url).searchParams.get('at') ?? Infinity)
const shared = 'steps counted'
if (isMainThread) setEnvironmentData(shared, new SharedArrayBuffer(4))
const counter = new Int32Array(getEnvironmentData(shared) as SharedArrayBuffer)

function step(label: string): void {
  const at = Atomics.add(counter, 0, 1)
  if (at > limit) return
  writeSync(2, `step ${at}: ${label}\n`)
  if (at === limit) process.kill(process.pid, 'SIGKILL')
}

async function around<T>(label: string, act: () => Promise<T>): Promise<T> {
  step(`before ${label}`)
  const result = await act()
  step(`after ${label}`)
  return result
}

function aroundSync<T>(label: string, act: () => T): T {
  step(`before ${label}`)
  const result = act()
  step(`after ${label}`)
  return result
}

/** What a file is for, as far as its place tells. */
function roleOf(path: string): string {
  if (path.endsWith('.zip')) return path.includes('/temporary/') ? 'package' : 'package renamed'
  if (basename(path) === 'receipts') return 'receipt written'
  if (path.includes('/.trebuchet')) return "target's staging"
  if (path.includes('/target-')) return 'target applied'
  return basename(path)
}

function renamed(to: fs.PathLike): string {
  const path = Buffer.isBuffer(to) ? to.toString('latin1') : String(to)
  try {
    return roleOf(join(fs.realpathSync(dirname(path)), basename(path)))
  } catch {
    return roleOf(path)
  }
}

function synced(fd: number): string {
  try {
    return `sync of ${roleOf(readlinkSync(`/proc/self/fd/${fd}`))}`
  } catch {
    return 'sync'
  }
}

const { renameSync, fsyncSync, promises } = fs
const { rename } = promises
fs.renameSync = (from, to) => aroundSync(renamed(to), () => renameSync(from, to))
// The log, too, is flushed when a process ends.
fs.fsyncSync = (fd) => (fd <= 2 ? fsyncSync(fd) : aroundSync(synced(fd), () => fsyncSync(fd)))
promises.rename = (from, to) => around(renamed(to), () => rename(from, to))
const handle = await promises.open(import.meta.filename)
const handles = Object.getPrototypeOf(handle) as fs.promises.FileHandle
await handle.close()
const { sync } = handles
handles.sync = function (this: fs.promises.FileHandle) {
  return around(synced(this.fd), () => sync.call(this))
}
syncBuiltinESMExports()

/** What happened, in the words of the events that are committed with it; otherwise what is written. */
function committed({ writes }: Batch): string {
  const types = writes.flatMap((write) =>
    'append' in write && write.append === 'events' ? [(write.value as { type: string }).type] : [],
  )
  const [first] = writes
  const other = first === undefined ? 'nothing' : Object.values(first)[0]
  return `commit of ${types.length > 0 ? types.join(', ') : String(other).split('/')[0]}`
}

if (isMainThread) {
  const { EventHub } = await import('../../../src/agents/events/hub.ts')
  const { HttpCaller } = await import('../../../src/endpoints/http-caller.ts')
  const { BullMqWork } = await import('../../../src/queues/bullmq.ts')
  const { Backend } = await import('../../../src/queues/bullmq/backend.ts')
  const { QueueWorker } = await import('../../../src/queues/bullmq/worker.ts')
  const { InProcessWork } = await import('../../../src/queues/in-process.ts')

  // The first who gets the Store of all, once it is open.
  const { open } = EventHub.prototype
  EventHub.prototype.open = function (store: Store, onFailure) {
    const commit = store.commit.bind(store)
    store.commit = (batch) => around(committed(batch), () => commit(batch))
    return open.call(this, store, onFailure)
  }
  for (const prototype of [BullMqWork.prototype, InProcessWork.prototype] as Work[]) {
    const { wake, handle } = prototype
    prototype.wake = function (task, at) {
      return task.queue === 'chores'
        ? wake.call(this, task, at)
        : around(`job added (${task.queue})`, () => wake.call(this, task, at))
    }
    prototype.handle = function (queue, handler, options) {
      const counted: typeof handler = async (...given) => {
        const again = await handler(...given)
        if (queue !== 'chores') step(`before job completed (${queue})`)
        return again
      }
      handle.call(this, queue, counted, options)
    }
  }
  const { execCommand } = Backend.prototype
  Backend.prototype.execCommand = function (client, command, words) {
    const act = (): Promise<unknown> => execCommand.call(this, client, command, words)
    return command === 'moveToFinished' ? around('job completed', act) : act()
  }
  const { call } = HttpCaller.prototype
  HttpCaller.prototype.call = function (method, path, given) {
    return around(`call of the other server (${method})`, () => call.call(this, method, path, given))
  }
  // A killed server's jobs are taken over when their locks have lapsed, which tests need not wait for so long.
  const { open: openWorker } = QueueWorker
  QueueWorker.open = (queue, process, options) =>
    openWorker.call(QueueWorker, queue, process, { ...options, lockMs: 2000, stalledMs: 400 })
}
