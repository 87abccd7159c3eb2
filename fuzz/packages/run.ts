import fc from 'fast-check'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { directory } from '../../src/endpoints/directory.ts'
import { ReplicationError } from '../../src/errors.ts'
import { PackageStore } from '../../src/packages/store.ts'
import type { Asked, Outcome } from '../fuzzer.ts'
import { anyCase, bytesOf } from './cases.ts'
import { verdictOn } from './promise.ts'

/** What a case may take at most; most take a millisecond. */
const deadlineMs = 20_000
/** Caches fill at first; what is held after that does not grow. */
const warmUp = 500
const maxGrowthBytes = 32 * 1024 * 1024
/** Whole ways, from the upload to the target, cost a hundred times more. */
const wayEvery = 20

const never = new AbortController().signal

/** A package is read with its digests right, or refused with one of our codes; nothing is written outside its target. */
export async function fuzzPackages({ seed, cases, path }: Asked): Promise<Outcome> {
  const folder = mkdtempSync(join(tmpdir(), 'trebuchet-fuzz-'))
  try {
    const way = await wayInto(folder)
    const said: Record<string, number> = {}
    let done = 0
    let heldBefore = 0
    let applied = 0
    const property = fc.asyncProperty(anyCase, async (one) => {
      const bytes = bytesOf(one)
      const verdict = await within(deadlineMs, verdictOn(Buffer.from(bytes)))
      said[verdict.said] = (said[verdict.said] ?? 0) + 1
      if (++done % wayEvery === 0 && (await way(bytes, verdict.said))) applied++
      if (done === Math.min(warmUp, Math.floor(cases / 2))) heldBefore = held()
    })
    const result = await fc.check(property, { seed, numRuns: cases, ...(path !== undefined && { path }) })
    const growth = path === undefined ? held() - heldBefore : 0
    const figures = {
      ...said,
      'received, and applied where they are whole': Math.floor(done / wayEvery),
      'of these applied': applied,
      'memory held more than after the warm-up, in KiB': Math.round(growth / 1024),
    }
    if (result.failed)
      return {
        figures,
        failure: `${fc.defaultReportMessage(result)}\nagain: npm run fuzz -- packages --seed ${seed} --path ${result.counterexamplePath}`,
      }
    if (growth > maxGrowthBytes) return { figures, failure: `it holds ${growth} bytes more than after the warm-up` }
    return { figures }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Receives a package as an upload and applies it to a folder, beside which stands what must not change. Answers whether it was applied. */
async function wayInto(folder: string): Promise<(bytes: Buffer, said: string) => Promise<boolean>> {
  const store = await PackageStore.open(join(folder, 'store'))
  const beside = join(folder, 'beside')
  mkdirSync(join(beside, 'target'), { recursive: true })
  writeFileSync(join(beside, 'kept.txt'), 'kept')
  const target = directory.target?.(
    { path: join(beside, 'target') },
    { installation: 'fuzz', cacheFolder: join(folder, 'cache') },
  )
  if (target === undefined) throw new Error('a directory is a target')
  let epoch = 0
  return async (bytes, said) => {
    const received = await store
      .receive(Readable.from([bytes]), never)
      .catch((error: unknown) => (error instanceof ReplicationError ? error.code : Promise.reject(error as Error)))
    const stored = typeof received === 'string' ? received : 'read'
    if (stored !== said) throw new Error(`it is ${said} in memory, and ${stored} when it is uploaded`)
    if (typeof received === 'string' || received.parts !== undefined) return false
    const delivery = { id: `c${++epoch}/a/t`, lane: 'fuzz/a/t', epoch, package: await store.file(received.id) }
    const whole = await target
      .apply({ ...delivery, deletes: { maxPercent: 100, maxCount: 1000 } }, never)
      .then(() => true)
      // What one delivery has left there may be in the way of the next (a file where a folder shall be).
      .catch((error: unknown) => (error instanceof ReplicationError ? false : Promise.reject(error as Error)))
    const names = readdirSync(beside).toSorted().join()
    if (names !== 'kept.txt,target' || readFileSync(join(beside, 'kept.txt'), 'utf8') !== 'kept')
      throw new Error(`beside the target there are ${names}`)
    return whole
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it takes longer than ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Bytes in use, once all that can go has gone. */
function held(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
