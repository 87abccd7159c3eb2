import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { readLines } from './lines.ts'
import type { Entry, Store } from './store.ts'
import { folderKey } from './shared-folder.ts'

/*
 * A state as a file of JSON lines, each ended by a line feed:
 *
 *   {"format":"trebuchet-state","version":1,"engine":"embedded","installation":"01J…","at":"2025-…"}
 *   {"key":"command/01J…","value":{…}}        every entry, in the order of the keys' bytes
 *   {"entries":2,"digest":"sha256-…"}         how many those are, and the digest of their lines with the line feeds
 *
 * Without its last line a file is not whole. The same state gives the same entries on every engine, byte for byte.
 */
const format = 'trebuchet-state'
const version = 1

export interface ArchiveHeader {
  /** Which engine it was read from. It may be written to any. */
  readonly engine: 'embedded' | 'redis'
  readonly installation: string
  /** RFC 3339, UTC. */
  readonly at: string
}

export type ArchivedEntry = Pick<Entry<unknown>, 'key' | 'value'>

/** All keys: they are ASCII. */
const everything = { from: '\0', to: '\u0080' }

/** What a page should weigh, so that memory does not grow with the size of an entry. */
const page = { entries: 512, chars: 1_000_000 }

/** Every entry of the store that belongs to the installation: what is true of a place only stays there. */
export async function* entriesOf(store: Store): AsyncGenerator<ArchivedEntry[], void, void> {
  let limit = 16
  for (let { from } = everything; ;) {
    const found = await store.range({ ...everything, from, limit })
    const last = found.at(-1)
    if (last === undefined) return
    yield found.filter(({ key }) => key !== folderKey)
    from = `${last.key}\0`
    const chars = found.reduce((sum, { value }) => sum + JSON.stringify(value).length, 0)
    limit = Math.max(1, Math.min(page.entries, 2 * limit, Math.floor((page.chars * found.length) / chars)))
  }
}

/** Whether the store holds nothing of any installation. */
export async function isEmpty(store: Store): Promise<boolean> {
  const first = await store.range({ ...everything, limit: 2 })
  return first.every(({ key }) => key === folderKey)
}

/** The lines of an archive, many at a time. `seen` is called before those of the entries are handed out. */
export async function* writeArchive(
  header: ArchiveHeader,
  pages: AsyncIterable<readonly ArchivedEntry[]>,
): AsyncGenerator<string, void, void> {
  yield line({ format, version, ...header })
  const digest = createHash('sha256')
  let entries = 0
  for await (const page of pages) {
    const text = page.map(({ key, value }) => line({ key, value })).join('')
    digest.update(text)
    entries += page.length
    yield text
  }
  yield line({ entries, digest: `sha256-${digest.digest('hex')}` })
}

/**
 * An archive from its bytes: its header, and its entries, which throw `corrupt` where it is not what was written: nothing of
 * it counts before all of them have been read. Throws `invalid` for what is no archive, or another version's.
 */
export async function readArchive(
  bytes: AsyncIterable<Uint8Array>,
): Promise<{ readonly header: ArchiveHeader; readonly entries: AsyncIterable<ArchivedEntry> }> {
  const lines = readLines(bytes)[Symbol.asyncIterator]()
  const first = await lines.next()
  return { header: headerIn(first.done === true ? '' : first.value), entries: entriesIn(lines) }
}

async function* entriesIn(lines: AsyncIterator<string, void, void>): AsyncGenerator<ArchivedEntry, void, void> {
  const digest = createHash('sha256')
  let last = ''
  try {
    for (let entries = 0; ; entries++) {
      const next = await lines.next()
      if (next.done === true) throw corrupt(`it breaks off behind ${entries} entries`)
      const found = parsed(next.value)
      if (found === undefined) throw corrupt(`line ${entries + 2} is no JSON`)
      if (!isEntry(found)) {
        const whole = found['entries'] === entries && found['digest'] === `sha256-${digest.digest('hex')}`
        if (!whole) throw corrupt(`line ${entries + 2} is no entry, and does not say what came before it`)
        if ((await lines.next()).done !== true) throw corrupt('something follows behind its end')
        return
      }
      // In this order a key can come only once.
      if (found.key <= last) throw corrupt(`line ${entries + 2} is not in its place`)
      last = found.key
      digest.update(next.value).update('\n')
      yield found
    }
  } finally {
    await lines.return?.()
  }
}

function isEntry(found: Record<string, unknown>): found is Record<string, unknown> & ArchivedEntry {
  return typeof found['key'] === 'string' && 'value' in found
}

function headerIn(text: string): ArchiveHeader {
  const found = parsed(text)
  if (found?.['format'] !== format)
    throw new ReplicationError('invalid', 'this is no export of a state: its first line does not say so')
  if (found['version'] !== version)
    throw new ReplicationError(
      'invalid',
      `this export has version ${JSON.stringify(found['version'])}, and this program reads version ${version}`,
    )
  const { engine, installation, at } = found as Record<string, unknown> & ArchiveHeader
  return { engine, installation, at }
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const found = JSON.parse(text) as unknown
    return typeof found === 'object' && found !== null ? (found as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`
}

function corrupt(what: string): ReplicationError {
  return new ReplicationError('corrupt', `this export is damaged: ${what}; nothing of it was taken over`)
}
