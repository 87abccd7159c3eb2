import { hash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { ReplicationError } from '../../src/errors.ts'
import { entryLine, headerLine, partLine } from '../../src/packages/manifest-lines.ts'
import type { ManifestEntry } from '../../src/packages/manifest.ts'
import { bytesAccess } from '../../src/packages/random-access.ts'
import { readPackage, type PackageReader } from '../../src/packages/read.ts'
import type { DeltaChange } from '../../src/packages/reader.ts'

/** How a package is refused; every other error is a fault of ours. */
const refusals: ReadonlySet<string> = new Set(['corrupt', 'invalid', 'too-large'])

export interface Verdict {
  /** `read`, or the code of the refusal. */
  readonly said: string
  /** Files, folders and deletions that would be applied. */
  readonly entries: readonly ManifestEntry[]
}

/**
 * Reads the package in both ways that there are. Throws when a promise is broken: it is refused with another code than ours, the two ways
 * differ, or it is read and its id, a digest, a size, the order or a place is not what it says.
 */
export async function verdictOn(bytes: Buffer): Promise<Verdict> {
  const verified = await attempt(bytes, async (pkg) => {
    await pkg.verify()
    return []
  })
  const read = await attempt(bytes, entriesOf)
  if (verified.said !== read.said && !isIndexRead(verified, read))
    throw new Error(`it is ${verified.said} when verified, and ${read.said} when read`)
  return verified.said === 'read' ? { ...read, said: 'read' } : verified
}

/** An index is whole, and yet not to be applied. */
function isIndexRead(verified: Verdict, read: Verdict & { readonly index?: boolean }): boolean {
  return verified.said === 'read' && read.said === 'invalid' && read.index === true
}

async function attempt(
  bytes: Buffer,
  read: (pkg: PackageReader) => Promise<readonly ManifestEntry[]>,
): Promise<Verdict & { readonly index?: boolean }> {
  let index = false
  try {
    const pkg = await readPackage(bytesAccess(bytes))
    try {
      index = pkg.parts.length > 0
      if (index) expectIndex(pkg)
      return { said: 'read', entries: await read(pkg) }
    } finally {
      await pkg.close()
    }
  } catch (error) {
    if (!(error instanceof ReplicationError) || !refusals.has(error.code)) throw error
    return { said: error.code, entries: [], index }
  }
}

function expectIndex({ id, header, parts }: PackageReader): void {
  const lines = [headerLine(header), ...parts.map(partLine), '']
  expect(`sha256-${hash('sha256', lines.join('\n'))}` === id, 'the id of an index is not its digest')
}

/** Says for itself what a manifest of these entries would be, and whether their contents are theirs. */
async function entriesOf(pkg: PackageReader): Promise<readonly ManifestEntry[]> {
  const entries: ManifestEntry[] = []
  const carries = { files: 0, bytes: 0, ofFiles: 0 }
  const batches = pkg.delta ? pkg.deltaBatches() : pkg.batches()
  for await (const change of changesIn(batches)) {
    const { entry } = change
    if (entry.type === 'file') carries.ofFiles++
    if (change.kind === 'put') {
      const content = Buffer.isBuffer(change.content)
        ? change.content
        : Buffer.concat((await change.content.toArray()) as Buffer[])
      expect(content.length === change.entry.size, `${entry.path} has another size`)
      expect(hash('sha256', content) === change.entry.digest, `${entry.path} has another digest`)
      carries.files++
      carries.bytes += content.length
    }
    expect(!entry.path.split('/').some((name) => name === '..' || name === '.'), `${entry.path} climbs`)
    const inside = pkg.header.roots.some(
      (root) => root === '/' || entry.path === root || entry.path.startsWith(`${root}/`),
    )
    expect(inside, `${entry.path} is outside the roots`)
    entries.push(entry)
  }
  expect(new Set(entries.map(({ path }) => path)).size === entries.length, 'a path comes twice')
  const manifest = [headerLine(pkg.header), ...entries.map(entryLine), ''].join('\n')
  expect(`sha256-${hash('sha256', manifest)}` === pkg.id, 'the id is not the digest of what is read')
  const { bytes, listing, ...said } = await pkg.verify()
  expect(
    bytes === entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0),
    'its bytes differ',
  )
  const lines = entries.map((entry) => `${entryLine(entry)}\n`).join('')
  expect(listing === hash('sha256', lines), 'what it lists has another digest')
  if (pkg.delta) expect(isDeepStrictEqual(said, { carries }), 'it carries something else than it says')
  return entries
}

async function* changesIn(batches: AsyncIterable<DeltaChange[]>): AsyncGenerator<DeltaChange> {
  for await (const batch of batches) yield* batch
}

function expect(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}
