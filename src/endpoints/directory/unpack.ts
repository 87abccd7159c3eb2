import { closeSync, constants, openSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { PackageReader } from '../../packages/read.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import { refuseUnholdable } from '../content-or-children.ts'
import type { Breath } from './breath.ts'
import { writeFault } from './faults.ts'
import { refuseOwn } from './own-folder.ts'

export interface Unpacked {
  readonly entries: number
  readonly bytes: number
  /** So many files are staged, named 0, 1, … in the manifest's order. */
  readonly files: number
}

const tellMs = 500

/**
 * Writes every content to a file in the folder at `place`, and so verifies all of it before anything changes. Throws what
 * the package does, `invalid` and `rejected` for what a folder can not hold, and the errors of writing.
 */
export async function unpack(
  pkg: PackageReader,
  paths: readonly ResourcePath[] | undefined,
  place: string,
  tell: (entries: number, bytes: number) => void,
  breath: Breath,
  signal: AbortSignal,
): Promise<Unpacked> {
  let [entries, bytes, files] = [0, 0, 0]
  let toldAt = performance.now()
  let previous: ManifestEntry | undefined
  for await (const batch of pkg.batches({ ...(paths !== undefined && { paths }), signal }))
    for (const change of batch) {
      const { entry } = change
      refuseOwn(entry.path)
      refuseUnholdable(entry, previous)
      previous = entry
      if (change.kind === 'put') bytes += await writeContent(change.content, `${place}/${files++}`, entry.path)
      entries++
      if (breath.due) await breath.take()
      if (performance.now() - toldAt < tellMs) continue
      tell(entries, bytes)
      toldAt = performance.now()
    }
  tell(entries, bytes)
  return { entries, bytes, files }
}

async function writeContent(bytes: Buffer | Readable, place: string, path: ResourcePath): Promise<number> {
  let fd: number | undefined
  try {
    fd = openSync(place, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
    if (Buffer.isBuffer(bytes)) return writeAll(fd, bytes)
    let written = 0
    for await (const chunk of bytes) written += writeAll(fd, chunk as Uint8Array)
    return written
  } catch (error) {
    throw writeFault(error, quote(path))
  } finally {
    if (fd !== undefined) closeSync(fd)
    if (!Buffer.isBuffer(bytes)) bytes.destroy()
  }
}

function writeAll(fd: number, bytes: Uint8Array): number {
  let written = 0
  while (written < bytes.length) written += writeSync(fd, bytes, written)
  return written
}
