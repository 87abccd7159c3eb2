import type { Source } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageId } from '../../packages/manifest.ts'
import { linesIn, ManifestText } from '../../packages/manifest-text.ts'
import { isFull, type PartLimits } from '../../packages/part-limits.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'

/** A source that says what it has without the contents, and of which single ones can be read. */
export type ListedSource = Source & Required<Pick<Source, 'listBlocks' | 'pick'>>

export function isListed(source: Source): source is ListedSource {
  return source.listBlocks !== undefined && source.pick !== undefined
}

export interface Listing {
  readonly header: ManifestHeader
  /** Of the parts, where there are several. */
  readonly headerBehind: ManifestHeader
  readonly filters: readonly Filter[]
  readonly limits: PartLimits
  readonly verify: boolean
  /** Another file each time. */
  readonly temporary: () => string
  readonly note: (note: string) => void
  readonly tally: (entries: number, bytes: number) => void
}

export interface ListedPart {
  readonly text: ManifestText
  readonly header: ManifestHeader
  /** What its package would have. */
  readonly id: PackageId
  /** There is another one behind it. */
  readonly more: boolean
}

/**
 * What a source has, in the very parts in which `inParts` cuts it when all of it is read, at least one. A part is there until the next is asked
 * for. Throws what reading it would where there is nothing at a root.
 */
export async function* listedParts(
  source: ListedSource,
  { header, headerBehind, filters, limits, verify, temporary, note, tally }: Listing,
  signal: AbortSignal,
): AsyncGenerator<ListedPart, void, void> {
  const all = { entries: 0, bytes: 0 }
  let text = new ManifestText(header, temporary())
  let under = header
  const part = (more: boolean): ListedPart =>
    more && under !== headerBehind
      ? { text, header: headerBehind, id: text.idUnder(headerBehind), more }
      : { text, header: under, id: text.id, more }
  try {
    for (const root of header.roots) {
      let isThere = false
      for await (const { bytes } of source.listBlocks(root, signal, { verify, filters, note })) {
        const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        for (const [begin, feed] of linesIn(block)) {
          isThere = true
          if (isFull(sizeOf(text), limits)) {
            all.entries += text.entries
            all.bytes += text.bytes
            yield part(true)
            text.close()
            text = new ManifestText(headerBehind, temporary())
            under = headerBehind
          }
          text.add(block, begin, feed)
        }
        tally(all.entries + text.entries, all.bytes + text.bytes)
      }
      if (!isThere) await demandNothing(source, root, filters, signal)
    }
    yield part(false)
  } finally {
    text.close()
  }
}

function sizeOf({ files: contents, entries, bytes }: ManifestText): Parameters<typeof isFull>[0] {
  return { contents, folders: entries - contents, bytes }
}

/** Nothing was listed: whoever reads it knows whether that is so because of the filters, or what to say. */
async function demandNothing(
  source: Source,
  root: ResourcePath,
  filters: readonly Filter[],
  signal: AbortSignal,
): Promise<void> {
  for await (const { path } of source.read(root, { deep: true, includes: includes(filters), signal }))
    throw new ReplicationError('unavailable', `${quote(path)} came while it was listed; the run is to be repeated`)
}
