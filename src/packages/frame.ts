import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import { unpacked } from './content.ts'
import type { PackageLimits } from './limits.ts'
import { outlineOf, partsIn, type ManifestOutline } from './manifest-reader.ts'
import type { PackageOrigin } from './manifest.ts'
import { filterXml, maxOriginBytes, metaNames, parseOrigin, propertiesXml, type MetaFile } from './meta-files.ts'
import { PartList } from './parts.ts'
import { Window, type RandomAccess } from './random-access.ts'
import { faultInName, zipEntries, type ZipEntry } from './zip-directory.ts'
import { readZipEnd, type ZipEnd } from './zip-end.ts'
import { Layout, locate, type Extent } from './zip-local.ts'

/** All of a package but its content and the entries of its manifest: what is read when it is opened. */
export interface Frame {
  readonly outline: ManifestOutline
  /** It may list what it does not carry. */
  readonly delta: boolean
  readonly origin: PackageOrigin | undefined
  readonly end: ZipEnd
  /** The central directory, which was read through to open the package; not that of a package of very many entries. */
  readonly directory: readonly ZipEntry[] | undefined
  readonly manifest: Located
  /** All of it, as its digest was seen to be; not of a package of very many entries. */
  readonly manifestChunks: readonly Buffer[] | undefined
  /** Of an index. */
  readonly parts: PartList | undefined
  /** Of the files beside the content; in the central directory all but two of them stand before it. */
  readonly extents: readonly Extent[]
}

interface Located {
  readonly entry: ZipEntry
  readonly extent: Extent
}

const batchEntries = 512
/** So many entries of a central directory are held: what a package of the usual size has. */
const heldEntries = 16_384
/** So much of a manifest is held. */
const heldManifestBytes = 2 * 1024 * 1024
/** Content of more than this is checked for its ratio; the overhead of small entries says nothing. */
const ratioFromBytes = 1024 * 1024

/** Throws `corrupt`, `invalid`, `too-large`. */
export async function readFrame(access: RandomAccess, limits: PackageLimits): Promise<Frame> {
  if (access.size > limits.maxZipBytes) throw beyond(`it is larger than ${limits.maxZipBytes} bytes`)
  const end = await readZipEnd(access)
  if (end.count > limits.maxEntries + Object.keys(metaNames).length)
    throw beyond(`it has more than ${limits.maxEntries} entries`)
  const { metas, directory } = await readMetas(access, end)
  const manifest = metas.get('manifest') as Located
  if (manifest.entry.size > limits.maxManifestBytes)
    throw beyond(`its manifest is larger than ${limits.maxManifestBytes} bytes`)
  for (const { entry } of metas.values()) checkRatio(entry, limits)
  const manifestChunks: Buffer[] | undefined = manifest.entry.size > heldManifestBytes ? undefined : []
  const outline = await outlineOf(kept(unpacked(access, manifest.entry, manifest.extent.data), manifestChunks))
  const properties = metas.get('properties') as Located
  // An index has no content to lack.
  const delta = !outline.index && properties.entry.size === Buffer.byteLength(propertiesXml(outline.id, true))
  await expectText(access, metas.get('filter') as Located, filterXml(outline.header, delta || outline.index))
  await expectText(access, properties, propertiesXml(outline.id, delta))
  const origin = metas.get('origin')
  if (origin !== undefined && origin.entry.size > maxOriginBytes)
    throw beyond(`its origin is larger than ${maxOriginBytes} bytes`)
  return {
    outline,
    delta,
    parts: outline.index
      ? await readParts(end, metas, chunksOfManifest(access, { manifest, manifestChunks }))
      : undefined,
    end,
    directory,
    manifest,
    manifestChunks,
    origin: origin === undefined ? undefined : parseOrigin(await textOf(access, origin)),
    extents: [...metas.values()].map(({ extent }) => extent),
  }
}

/** The manifest once more: unpacked again only where it is not held. */
export async function* chunksOfManifest(
  access: RandomAccess,
  { manifest: { entry, extent }, manifestChunks }: Pick<Frame, 'manifest' | 'manifestChunks'>,
): AsyncGenerator<Buffer, void, void> {
  if (manifestChunks === undefined) return yield* unpacked(access, entry, extent.data)
  for (const chunk of manifestChunks) {
    yield chunk
    // Nothing of this waits, and other work would never have its turn.
    await setImmediate()
  }
}

/** The chunks as they come; they are put into `held`, if there is any. */
async function* kept(chunks: AsyncIterable<Buffer>, held: Buffer[] | undefined): AsyncGenerator<Buffer, void, void> {
  for await (const chunk of chunks) {
    held?.push(chunk)
    yield chunk
  }
}

/** An index is read whole, for there is nothing else in it. */
async function readParts(
  end: ZipEnd,
  metas: ReadonlyMap<MetaFile, Located>,
  manifest: AsyncIterable<Buffer>,
): Promise<PartList> {
  const parts = new PartList()
  for await (const lines of partsIn(manifest)) for (const part of lines) parts.add(part)
  if (end.count !== metas.size) throw new ReplicationError('corrupt', 'package: it is an index, and yet has content')
  new Layout([...metas.values()].map((located) => located.extent)).finish(end.start)
  return parts
}

/** Throws `too-large` when unpacking an entry would make more of it than content does. */
export function checkRatio({ name, size, packed }: ZipEntry, { maxRatio }: PackageLimits): void {
  if (size > ratioFromBytes && size > packed * maxRatio)
    throw new ReplicationError(
      'too-large',
      `package entry ${quote(name.toString())}: it unpacks to more than ${maxRatio} times its size, as a bomb does`,
    )
}

/** The same for all content together. */
export function checkTotal(bytes: number, zipBytes: number, { maxRatio }: PackageLimits): void {
  if (bytes > ratioFromBytes && bytes > zipBytes * maxRatio)
    throw beyond(`it unpacks to more than ${maxRatio} times its size, as a bomb does`)
}

/**
 * The central directory begins with the filter, the origin, which may be absent, and the content's folder, and ends with the
 * manifest and the properties: so it is read through.
 */
async function readMetas(
  access: RandomAccess,
  end: ZipEnd,
): Promise<{ readonly metas: Map<MetaFile, Located>; readonly directory: readonly ZipEntry[] | undefined }> {
  const window = new Window(access, 64 * 1024)
  const metas = new Map<MetaFile, Located>()
  const directory: ZipEntry[] | undefined = end.count > heldEntries ? undefined : []
  const add = async (meta: MetaFile, entry: ZipEntry | undefined): Promise<boolean> => {
    if (entry?.name.toString() === metaNames[meta]) metas.set(meta, { entry, extent: await locate(window, entry) })
    else if (meta !== 'origin')
      throw (
        (entry && faultInName(entry.name)) ??
        new ReplicationError('invalid', `package: ${metaNames[meta]} is not where it must be in the central directory`)
      )
    return metas.has(meta)
  }
  const first: readonly MetaFile[] = ['filter', 'origin', 'content']
  let place = 0
  let count = 0
  let lastButOne: ZipEntry | undefined
  let last: ZipEntry | undefined
  for await (const entry of zipEntries(access, end)) {
    if (place < first.length)
      if (!(await add(first[place++] as MetaFile, entry))) await add(first[place++] as MetaFile, entry)
    directory?.push(entry)
    lastButOne = last
    last = entry
    // Where all is in memory nothing of this waits, and other work would never have its turn.
    if (++count % batchEntries === 0) await setImmediate()
  }
  await add('manifest', lastButOne)
  await add('properties', last)
  return { metas, directory }
}

async function expectText(access: RandomAccess, { entry, extent }: Located, expected: string): Promise<void> {
  const contradicts = (): ReplicationError =>
    new ReplicationError('corrupt', `package entry ${entry.name.toString()}: it is not what the manifest demands`)
  if (entry.size !== Buffer.byteLength(expected)) throw contradicts()
  if ((await textOf(access, { entry, extent })) !== expected) throw contradicts()
}

async function textOf(access: RandomAccess, { entry, extent }: Located): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of unpacked(access, entry, extent.data)) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}

function beyond(what: string): ReplicationError {
  return new ReplicationError('too-large', `package: ${what}, and that is the limit here`)
}
