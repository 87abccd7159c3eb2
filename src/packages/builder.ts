import { createHash, type KeyObject } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import { segmentBytes } from './compression.ts'
import { EntryOrder } from './entry-order.ts'
import type { PackageLimits } from './limits.ts'
import { checkHeader, entryLine, headerLine, maxHeaderBytes, parsePart, partLine } from './manifest-lines.ts'
import type {
  ManifestEntry,
  ManifestHeader,
  ManifestPart,
  PackageId,
  PackageOrigin,
  PackageSummary,
} from './manifest.ts'
import type { LargeFile, Written } from './large-file.ts'
import { filterXml, metaNames, originJson, propertiesXml } from './meta-files.ts'
import type { Output } from './output.ts'
import { PartList } from './parts.ts'
import { signed } from './signatures.ts'
import { Spool } from './spool.ts'
import { ZipNames } from './zip-name.ts'
import { ZipWriter } from './zip-writer.ts'

export interface Blueprint {
  readonly header: ManifestHeader
  readonly origin: PackageOrigin | undefined
  readonly limits: PackageLimits
  /** It may list what it does not carry, and is marked as such. */
  readonly delta?: boolean
  /** Parts are added to it, and nothing else. */
  readonly index?: boolean
  /** Which of its headers it has is known only at its end; they differ in mode and filters. */
  readonly undecided?: boolean
  /** What signs it, if anything does; the signatures stand in its origin, so it needs one. */
  readonly signing?: readonly KeyObject[]
}

/**
 * Makes one package as it is called: entries in path order, `room` awaited whenever it is `full`, then `end`. In the file stand filter.xml,
 * origin.json and `jcr_root/`, the content, the manifest, whose digest is known only then, and properties.xml, which holds
 * the digest. The origin of a signed one stands behind the manifest, for what is signed is the digest, and so does filter.xml of one that is
 * undecided.
 */
export class PackageBuilder {
  #header: ManifestHeader
  readonly #isUndecided: boolean
  readonly #isElsewhere: boolean
  readonly #limits: PackageLimits
  readonly #delta: boolean
  readonly #signs: { readonly origin: PackageOrigin; readonly keys: readonly KeyObject[] } | undefined
  readonly #zip: ZipWriter
  readonly #manifest: Spool
  readonly #directory: Spool
  #parts: PartList | undefined
  readonly #order: EntryOrder
  #headerLine: Buffer
  readonly #listing = createHash('sha256')
  readonly #names = new ZipNames()
  #files = 0
  readonly #held = { files: 0, bytes: 0 }
  #open: { readonly path: ResourcePath; readonly file: LargeFile } | undefined

  /** Throws `invalid` when the header is. */
  constructor(
    { header, origin, limits, delta = false, index = false, undecided = false, signing = [] }: Blueprint,
    output: Output,
    [manifestFile, directoryFile]: readonly [string, string],
  ) {
    this.#header = header
    this.#headerLine = lineOf(header)
    this.#isUndecided = undecided
    this.#isElsewhere = delta || index
    this.#limits = limits
    this.#delta = delta
    this.#order = new EntryOrder(header, limits)
    this.#manifest = new Spool(manifestFile)
    this.#directory = new Spool(directoryFile)
    this.#signs = origin === undefined || signing.length === 0 ? undefined : { origin, keys: signing }
    const isInOrder = this.#signs === undefined && !undecided
    this.#zip = new ZipWriter(output, this.#directory, isInOrder ? [] : [metaNames.filter, metaNames.origin])
    if (!undecided) this.#addMeta(metaNames.filter, filterXml(header, this.#isElsewhere))
    if (origin !== undefined && this.#signs === undefined) this.#addMeta(metaNames.origin, originJson(origin))
    this.#zip.addFolder(metaNames.content)
  }

  addFolder(path: ResourcePath): void {
    this.#list({ type: 'folder', path })
    this.#putFolder(path)
  }

  /** Listed, without its content. Throws `invalid` in a package that is no delta. */
  addHeld(path: ResourcePath, { digest, size }: Written): void {
    this.#hold(path, size)
    this.#list({ type: 'file', path, digest, size })
  }

  /** Many of both, as `ListedLines` has them. */
  addListed(lines: Uint8Array): void {
    const text = Buffer.from(lines.buffer, lines.byteOffset, lines.length).toString()
    for (let begin = 0; begin < text.length;) {
      const end = text.indexOf('\n', begin)
      const entry = JSON.parse(text.slice(begin, end)) as Exclude<ManifestEntry, { type: 'delete' }>
      this.#admit(entry)
      if (entry.type === 'folder') this.#putFolder(entry.path)
      else this.#hold(entry.path, entry.size)
      begin = end + 1
    }
    this.#addLines(lines)
  }

  addDelete(path: ResourcePath, deep: boolean): void {
    this.#list({ type: 'delete', path, deep })
  }

  /** All parts of an index, which has nothing else. Throws `invalid`, `too-large`. */
  addParts(parts: readonly ManifestPart[]): void {
    if (parts.length === 0) throw new ReplicationError('invalid', 'package: an index needs at least one part')
    this.#parts = new PartList()
    for (const [i, part] of parts.entries()) {
      const line = partLine(part)
      this.#parts.add(parsePart(line, `line ${i + 2}`))
      this.#addLine(line)
    }
  }

  /** Content of at most one segment; its memory is its owner's again when this has answered, with its digest. */
  addFile(path: ResourcePath, content: Uint8Array): string {
    this.#order.checkContent(path)
    return this.#listFile(path, this.#zip.addFile(this.#names.nameOf({ type: 'file', path }), content))
  }

  /** Segments of a larger content: the first with its path. */
  async addSegment(path: ResourcePath | undefined, segment: Uint8Array): Promise<void> {
    if (path !== undefined) {
      this.#order.checkContent(path)
      const file = await this.#zip.startFile(this.#names.nameOf({ type: 'file', path }), segment)
      this.#open = { path, file }
    }
    this.#order.checkBytes((this.#open?.file.size ?? 0) + segment.length)
    await this.#open?.file.add(segment)
  }

  /** Behind the last segment; answers the digest of them all. */
  async endFile(): Promise<string> {
    const { path, file } = this.#open as { path: ResourcePath; file: LargeFile }
    this.#open = undefined
    return this.#listFile(path, await file.end())
  }

  get full(): boolean {
    return this.#zip.full
  }

  async room(): Promise<void> {
    await this.#zip.room()
  }

  /** Its header, of one that is undecided. Throws `invalid` when it is. */
  decide(header: ManifestHeader): void {
    this.#headerLine = lineOf(header)
    this.#header = header
  }

  /** Answers once the package is on the disk. */
  async end(): Promise<PackageSummary> {
    const { digest } = await this.#addManifest()
    const listing = this.#listing.digest('hex')
    const id = `sha256-${digest}` as PackageId
    if (this.#isUndecided) this.#addMeta(metaNames.filter, filterXml(this.#header, this.#isElsewhere))
    if (this.#signs !== undefined) {
      const { origin, keys } = this.#signs
      this.#addMeta(metaNames.origin, originJson({ ...origin, signatures: signed(id, keys) }))
    }
    this.#addMeta(metaNames.properties, propertiesXml(id, this.#delta))
    const zipBytes = await this.#zip.end()
    const { entries, bytes } = this.#order
    const { files, bytes: heldBytes } = this.#held
    const carries = { files: this.#files - files, bytes: bytes - heldBytes, ofFiles: this.#files }
    const content = { entries, bytes, listing, ...(this.#delta && { carries }) }
    return { ...this.#header, id, ...(this.#parts?.summary ?? content), zipBytes }
  }

  /** Also when it was not ended. */
  close(): void {
    this.#zip.close()
    this.#manifest.close()
    this.#directory.close()
  }

  #listFile(path: ResourcePath, { digest, size }: Written): string {
    this.#list({ type: 'file', path, digest, size })
    return digest
  }

  #putFolder(path: ResourcePath): void {
    const name = this.#names.nameOf({ type: 'folder', path })
    if (name !== metaNames.content) this.#zip.addFolder(name)
  }

  #hold(path: ResourcePath, size: number): void {
    if (!this.#delta)
      throw new ReplicationError('invalid', `package: ${quote(path)} comes without its content, and it is no delta`)
    this.#names.nameOf({ type: 'file', path })
    this.#held.files++
    this.#held.bytes += size
  }

  #list(entry: ManifestEntry): void {
    this.#admit(entry)
    this.#addLine(entryLine(entry))
  }

  #admit(entry: ManifestEntry): void {
    this.#order.admit(entry)
    if (entry.type === 'file') this.#files++
  }

  #addLine(line: string): void {
    this.#addLines(Buffer.from(`${line}\n`))
  }

  #addLines(lines: Uint8Array): void {
    this.#manifest.add(lines)
    const { maxManifestBytes } = this.#limits
    if (this.#headerLine.length + this.#manifest.size > maxManifestBytes)
      throw new ReplicationError('too-large', `package: its manifest would be larger than ${maxManifestBytes} bytes`)
  }

  async #addManifest(): Promise<Written> {
    let file: LargeFile | undefined
    let begin = this.#headerLine.length
    const size = begin + this.#manifest.size
    for (const chunk of this.#manifest.chunks(segmentBytes, this.#headerLine)) {
      this.#listing.update(chunk.subarray(begin))
      begin = Math.max(0, begin - chunk.length)
      if (size <= segmentBytes) return this.#zip.addFile(metaNames.manifest, chunk)
      file ??= await this.#zip.startFile(metaNames.manifest, chunk)
      await file.add(chunk)
    }
    return (file as LargeFile).end()
  }

  #addMeta(name: string, text: string): void {
    this.#zip.addFile(name, Buffer.from(text))
  }
}

function lineOf(header: ManifestHeader): Buffer {
  checkHeader(header)
  const line = Buffer.from(`${headerLine(header)}\n`)
  if (line.length <= maxHeaderBytes) return line
  throw new ReplicationError('too-large', `package: its roots take more than ${maxHeaderBytes} bytes; name fewer paths`)
}
