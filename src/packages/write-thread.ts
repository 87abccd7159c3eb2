import { rmSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { receive } from '../threads/stream.ts'
import { segmentBytes } from './compression.ts'
import { PackageBuilder, type Blueprint } from './builder.ts'
import type { ManifestHeader, ManifestPart, PackageSummary } from './manifest.ts'
import { fileOutput, type Output } from './output.ts'
import type { Batch, Piece } from './pieces.ts'
import type { Spare } from './segment-buffers.ts'
import { storageError } from './storage-error.ts'

export interface WriteOrder extends Blueprint {
  readonly file: string
  /** Of an index; no pieces are received then. */
  readonly parts?: readonly ManifestPart[]
}

/** What is sent behind the last piece of a package that is undecided. */
export interface Decided {
  readonly header: ManifestHeader
}

/**
 * Makes the file, and while it works up to two others beside it; leaves none of them when it fails. Says through the port that
 * it has started, then receives pieces.
 */
export async function run(order: WriteOrder, port: MessagePort, signal: AbortSignal): Promise<PackageSummary> {
  // Whoever waits for the next piece is woken by the end of the port.
  signal.addEventListener('abort', () => port.close())
  port.postMessage('started')
  let { header } = order
  const decided = (last: Decided): void => void ({ header } = last)
  return writeFile(order, order.parts === undefined ? pieces(port, decided) : [], async () => header)
}

/**
 * Writes one package of pieces. What reading them throws comes out as it is, unless the disk says it. Behind the last of them `decide` is asked for the
 * header of one that is undecided.
 */
export async function writeFile(
  order: WriteOrder,
  pieces: AsyncIterable<Piece> | Iterable<Piece>,
  decide: () => Promise<ManifestHeader>,
): Promise<PackageSummary> {
  const { file } = order
  try {
    const output = fileOutput(file)
    try {
      return await build(order, output, pieces, decide)
    } catch (error) {
      rmSync(file, { force: true })
      throw error
    } finally {
      output.close()
    }
  } catch (error) {
    throw storageError(error, 'writing a package')
  }
}

/** What is sent here; each piece's memory goes back once the next piece is asked for, when all of it has been written. */
async function* pieces(port: MessagePort, decided: (last: Decided) => void): AsyncGenerator<Piece, void, void> {
  for await (const piece of receive<Piece | Decided>(port)) {
    if ('header' in piece) {
      decided(piece)
      continue
    }
    yield piece
    const spare = piece.bytes.buffer as ArrayBuffer
    if (spare.byteLength === segmentBytes) port.postMessage({ spare } satisfies Spare, [spare])
  }
}

export function spoolFiles(file: string): [string, string] {
  return [`${file}.manifest`, `${file}.directory`]
}

export async function build(
  order: WriteOrder,
  output: Output,
  pieces: AsyncIterable<Piece> | Iterable<Piece>,
  decide?: () => Promise<ManifestHeader>,
): Promise<PackageSummary> {
  const builder = new PackageBuilder({ ...order, index: order.parts !== undefined }, output, spoolFiles(order.file))
  try {
    if (order.parts !== undefined) builder.addParts(order.parts)
    for await (const piece of pieces) {
      if ('items' in piece) await addBatch(builder, piece)
      else {
        await builder.addSegment(piece.path, piece.bytes)
        if (piece.last) piece.digest = await builder.endFile()
      }
    }
    if (order.undecided === true && decide !== undefined) builder.decide(await decide())
    return await builder.end()
  } finally {
    builder.close()
  }
}

async function addBatch(builder: PackageBuilder, { items, bytes }: Batch): Promise<void> {
  let at = 0
  for (const item of items) {
    if (builder.full) await builder.room()
    if (item.type === 'file') {
      item.digest = builder.addFile(item.path, bytes.subarray(at, at + item.size))
      at += item.size
    } else if (item.type === 'listed') {
      builder.addListed(bytes.subarray(at, at + item.length))
      at += item.length
    } else if (item.type === 'held') builder.addHeld(item.path, item)
    else if (item.type === 'folder') builder.addFolder(item.path)
    else builder.addDelete(item.path, item.deep)
  }
}
