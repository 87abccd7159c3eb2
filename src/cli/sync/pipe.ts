import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseJson } from '../../documents/json.ts'
import { printYaml } from '../../documents/yaml.ts'
import type { Receipt, Source, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import { openPackage } from '../../packages/read.ts'
import { print } from '../say.ts'
import { fileAt, type Named } from './named.ts'
import { nothing } from './nowhere.ts'
import type { Format, SyncOptions } from './options.ts'

/** `-`: standard input as an origin, whatever its format; standard output as the destination. */
export function pipe(format: Format, schema: SyncOptions['schema']): Named {
  return {
    ...{ argument: '-', label: 'PipeEndpoint()', medium: 'pipe' },
    source: () => input(schema),
    target: () => ({
      apply: (delivery, signal) => printAll(delivery, format, signal),
      test: nothing,
      list: nothing,
    }),
    // `- -` is from one pipe to another.
    place: async () => ['pipe', randomUUID()],
  }
}

/** As a file of documents is read, once all of it has come. */
function input(schema: SyncOptions['schema']): Source {
  return {
    async *read(path, options) {
      if (process.stdin.isTTY) throw new ReplicationError('invalid', 'standard input is a terminal: name an origin')
      const folder = await mkdtemp(join(tmpdir(), 'trebuchet-stdin-'))
      try {
        const file = join(folder, 'documents')
        await pipeline(process.stdin, createWriteStream(file, { flags: 'wx', mode: 0o600 }), { signal: options.signal })
        yield* fileAt('-', 'PipeEndpoint()', { path: file, schema }).source().read(path, options)
      } finally {
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

const blockBytes = 64 * 1024

/** YAML documents, or a line of JSON for each. */
async function printAll(delivery: TargetDelivery, format: Format, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(delivery.package)
  let [entries, bytes] = [0, 0]
  let block = ''
  const flush = async (): Promise<void> => {
    const text = block
    block = ''
    await print(text, signal)
    delivery.progress?.(entries, bytes)
  }
  try {
    for await (const change of pkg.changes({ signal })) {
      entries++
      if (change.kind !== 'put') continue
      const json = await textOf(change.content)
      bytes += change.entry.size
      block += format === 'json' ? `${json.trimEnd()}\n` : `---\n${printYaml(parseJson(json))}`
      delivery.result?.({ path: change.entry.path, outcome: 'created' })
      if (block.length >= blockBytes) await flush()
    }
    await flush()
    return { ...{ delivery: delivery.id, package: pkg.id, entries, bytes }, appliedAt: new Date().toISOString() }
  } finally {
    await pkg.close()
  }
}

export async function textOf(content: Buffer | Readable): Promise<string> {
  const bytes = Buffer.isBuffer(content) ? content : Buffer.concat((await content.toArray()) as Buffer[])
  return bytes.toString('utf8')
}
