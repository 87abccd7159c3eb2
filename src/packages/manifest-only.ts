/** The manifest of a package and nothing else of it, for whoever knows its id: that is the manifest's digest, so nothing else need be checked. */
import { ReplicationError } from '../errors.ts'
import { unpackAside } from './content.ts'
import { lineFeed } from '../resources/listing.ts'
import { partStart } from './manifest-lines.ts'
import type { PackageFile } from './manifest.ts'
import { metaNames, propertiesXml } from './meta-files.ts'
import { bytesAccess, fileAccess, Window, type RandomAccess } from './random-access.ts'
import { openPackage } from './read.ts'
import type { ZipEntry } from './zip-directory.ts'
import { readZipEnd } from './zip-end.ts'
import { deflated, max32, signatures, stored } from './zip-format.ts'

/** All lines behind the first, whole ones. */
export interface ManifestLines {
  readonly chunks: AsyncIterable<Buffer> | Iterable<Buffer>
  /** The package may list what it does not carry. */
  readonly delta: boolean
  close(): Promise<void>
}

/** So much is held in memory, here: a manifest of more is that of some 30,000 entries, and read with all of its package. */
const mostBytes = 4 * 1024 * 1024
const localBytes = 30
const recordBytes = 46

/** Opens what is there under this id. Throws what `openPackage` does; what is wrong with the rest of the package shows elsewhere. */
export async function openManifest(file: PackageFile): Promise<ManifestLines> {
  return (await openAlone(file)) ?? openWhole(file)
}

/** Undefined for whatever is not as this server writes it, or is damaged: who reads all of it says what is wrong. */
async function openAlone(file: PackageFile): Promise<ManifestLines | undefined> {
  if (file.loose !== undefined) return undefined
  let access: RandomAccess | undefined
  try {
    access = file.bytes === undefined ? await fileAccess(file.file) : bytesAccess(file.bytes)
    const found = await manifestIn(access)
    if (found === undefined) return undefined
    const { entry, data, propertiesBytes } = found
    const manifest = await unpackAside(access, entry, data, file.id.slice('sha256-'.length))
    const lines = manifest.subarray(manifest.indexOf(lineFeed) + 1)
    if (lines.toString('latin1', 0, partStart.length) === partStart) return undefined
    const delta = propertiesBytes === Buffer.byteLength(propertiesXml(file.id, true))
    return { chunks: lines.length === 0 ? [] : [lines], delta, close: async () => undefined }
  } catch (error) {
    if (error instanceof ReplicationError && error.transient) throw error
    return undefined
  } finally {
    await access?.close()
  }
}

async function openWhole(file: PackageFile): Promise<ManifestLines> {
  const pkg = await openPackage(file)
  return { chunks: pkg.manifestBytes(), delta: pkg.delta, close: () => pkg.close() }
}

/**
 * It is the last entry but one of the central directory, the properties behind it: found from its end, so that what stands before, which may be
 * a hundred thousand entries, is not read.
 */
async function manifestIn(
  access: RandomAccess,
): Promise<{ readonly entry: ZipEntry; readonly data: number; readonly propertiesBytes: number } | undefined> {
  const end = await readZipEnd(access)
  const [name, behind] = [Buffer.from(metaNames.manifest), Buffer.from(metaNames.properties)]
  const bytes = 2 * recordBytes + name.length + behind.length
  if (end.end - end.start < bytes) return undefined
  const window = new Window(access, bytes)
  const records = Buffer.from(await window.load(end.end - bytes, bytes))
  const properties = records.subarray(recordBytes + name.length)
  if (!isRecordOf(records, name) || !isRecordOf(properties, behind)) return undefined
  const [flags, method, crc] = [records.readUInt16LE(8), records.readUInt16LE(10), records.readUInt32LE(16)]
  const [packed, size, offset] = [records.readUInt32LE(20), records.readUInt32LE(24), records.readUInt32LE(42)]
  if ((method !== stored && method !== deflated) || offset === max32) return undefined
  if (packed > mostBytes || size > mostBytes) return undefined
  const local = await window.load(offset, localBytes)
  if (local.readUInt32LE(0) !== signatures.local) return undefined
  const data = offset + localBytes + local.readUInt16LE(26) + local.readUInt16LE(28)
  return {
    entry: { name, method, flags, crc, packed, size, offset },
    data,
    propertiesBytes: properties.readUInt32LE(24),
  }
}

/** Whether it begins with a record of the central directory that has this name and nothing behind it. */
function isRecordOf(bytes: Buffer, name: Buffer): boolean {
  return (
    bytes.readUInt32LE(0) === signatures.central &&
    bytes.readUInt16LE(28) === name.length &&
    bytes.readUInt32LE(30) === 0 &&
    bytes.subarray(recordBytes, recordBytes + name.length).equals(name)
  )
}
