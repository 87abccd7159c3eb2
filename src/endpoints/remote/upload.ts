import { hash, randomUUID } from 'node:crypto'
import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { TargetDelivery } from '../endpoint.ts'

/** Read and sent at a time: the default of 64 KiB costs a turn of the loop eight times as often. */
const chunkBytes = 512 * 1024
/**
 * So many buffers are read into in turn: memory that is new each time would be collected for longer than it is sent. One is in the
 * connection until that has taken it, one waits in each stream before it (two where there is a form around the zip), and one is filled.
 */
const buffersInTurn = 8

/** What is smaller is sent again sooner than it is asked how much of it is there. */
const resumableBytes = 1024 * 1024
const toldBytes = 1024 * 1024

/** A zip that may be sent in several goes. */
export interface Zip {
  readonly bytes: number
  /** Names its very bytes: a file of the store is never written to, another one takes its place. */
  readonly tag: string
  readonly isResumable: boolean
}

export async function zipOf({ package: { id, file } }: TargetDelivery): Promise<Zip> {
  const { size, ino, mtimeNs } = await stat(file, { bigint: true })
  const bytes = Number(size)
  return {
    bytes,
    tag: hash('sha256', [id, size, ino, mtimeNs].join()).slice(0, 32),
    isResumable: bytes > resumableBytes,
  }
}

/** The body of an import. */
export interface Upload {
  readonly type: string
  readonly length: number
  /** Made when it is sent. */
  readonly body: (signal: AbortSignal) => Readable
}

/** The zip from that byte on; where only a part of it shall be applied, a form that says so before the zip. */
export function uploadOf(delivery: TargetDelivery, { bytes }: Zip, from: number): Upload {
  const size = bytes - from
  const whole = (signal: AbortSignal): Readable =>
    Readable.from(paced(delivery, { from, of: bytes }, signal), { objectMode: false })
  if (delivery.paths === undefined) return { type: 'application/zip', length: size, body: whole }
  const boundary = `part-${randomUUID()}`
  const before = Buffer.from(
    `--${boundary}\r\ncontent-disposition: form-data; name="document"\r\ncontent-type: application/json\r\n\r\n` +
      `${JSON.stringify({ paths: delivery.paths })}\r\n--${boundary}\r\n` +
      'content-disposition: form-data; name="package"; filename="package.zip"\r\ncontent-type: application/zip\r\n\r\n',
  )
  const after = Buffer.from(`\r\n--${boundary}--\r\n`)
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    length: before.length + size + after.length,
    body: (signal) =>
      Readable.from(
        (async function* () {
          yield before
          yield* whole(signal) as AsyncIterable<Buffer>
          yield after
        })(),
        { objectMode: false },
      ),
  }
}

/** The file, as fast as it may be sent, telling how much of it has been. */
async function* paced(
  { package: { file }, pace, progress }: TargetDelivery,
  { from, of }: { readonly from: number; readonly of: number },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  let sent = from
  for await (const chunk of chunksOf(file, from, of))
    for (let rest = chunk; rest.length > 0;) {
      const next = pace === undefined ? rest.length : await pace.take(rest.length, signal)
      yield rest.subarray(0, next)
      rest = rest.subarray(next)
      sent += next
      // What is sent at once tells nothing on its way.
      if (of > toldBytes) progress?.(0, sent, { of })
    }
}

/** What is in the file, from one byte to another or its end. A chunk is good until `buffersInTurn - 1` others were asked for. */
async function* chunksOf(file: string, from: number, to: number): AsyncGenerator<Uint8Array, void, void> {
  const handle = await open(file)
  try {
    const buffers: Buffer[] = []
    for (let at = from, turn = 0; at < to; turn = (turn + 1) % buffersInTurn) {
      const into = (buffers[turn] ??= Buffer.allocUnsafeSlow(Math.min(chunkBytes, to - at)))
      const { bytesRead } = await handle.read(into, 0, Math.min(into.length, to - at), at)
      if (bytesRead === 0) return
      yield into.subarray(0, bytesRead)
      at += bytesRead
    }
  } finally {
    await handle.close()
  }
}
