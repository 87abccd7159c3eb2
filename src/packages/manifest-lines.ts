/**
 * The lines of `META-INF/trebuchet/manifest.ndjson` (docs/PACKAGE-FORMAT.md). Each has one spelling only, since the
 * package's id is the digest of these bytes: JSON as `JSON.stringify` writes it, keys in a fixed order, no others.
 */
import { ReplicationError } from '../errors.ts'
import { comparePaths, parsePath, quote, type ResourcePath } from '../resources/path.ts'
import {
  isPackageId,
  type ManifestEntry,
  type ManifestFilter,
  type ManifestHeader,
  type ManifestPart,
} from './manifest.ts'

/** Longest line below the first: a path of 4,096 bytes, each escaped as `\u00xx`, and what stands around it. */
export const maxLineBytes = 32 * 1024
/** How each line of an index begins, and no other line. */
export const partStart = '{"type":"part"'
/** Longest first line: it lists the roots, and a command may name thousands. */
export const maxHeaderBytes = 16 * 1024 * 1024

const digestPattern = /^[0-9a-f]{64}$/
/** Lines with a path that JSON writes as it is, as most do: what matches is spelt as the format demands, and need not be spelt again. */
const plain =
  /^\{"type":"(?:folder","path":"[ !#-[\]-\ud7ff\ue000-\uffff]*"|file","path":"[ !#-[\]-\ud7ff\ue000-\uffff]*","digest":"[0-9a-f]{64}","size":(?:0|[1-9]\d{0,14}))\}$/

export function headerLine({ format, action, mode, roots, filters }: ManifestHeader): string {
  return JSON.stringify({ format, action, mode, roots, ...(filters !== undefined && { filters }) })
}

export function entryLine(entry: ManifestEntry): string {
  switch (entry.type) {
    case 'file':
      return `{"type":"file","path":${JSON.stringify(entry.path)},"digest":"${entry.digest}","size":${entry.size}}`
    case 'folder':
      return `{"type":"folder","path":${JSON.stringify(entry.path)}}`
    case 'delete':
      return `{"type":"delete","path":${JSON.stringify(entry.path)},"deep":${entry.deep}}`
  }
}

export function partLine({ type, package: id, entries, bytes }: ManifestPart): string {
  return JSON.stringify({ type, package: id, entries, bytes })
}

/** Throws `invalid`, saying what is wrong with the header. */
export function parseHeader(line: string): ManifestHeader {
  const fields = objectIn(line, 'line 1')
  if (fields['format'] !== 1)
    throw refused(`its format is ${JSON.stringify(fields['format'])}, and this server reads format 1`)
  const header = fields as unknown as ManifestHeader
  checkHeader(header)
  for (const filter of header.filters ?? []) checkFilter(filter)
  canonical(line, headerLine(header), 'line 1')
  return header
}

/** What holds for every header, read or to be written. Throws `invalid`. */
export function checkHeader({ action, mode, roots, filters }: ManifestHeader): void {
  if (action !== 'add' && action !== 'delete') throw refused(`its action is ${JSON.stringify(action)}`)
  if (mode !== 'update' && mode !== 'mirror') throw refused(`its mode is ${JSON.stringify(mode)}`)
  if (!Array.isArray(roots) || roots.length === 0) throw refused('it has no roots')
  let last: ResourcePath | undefined
  for (const root of roots as readonly unknown[]) {
    if (typeof root !== 'string') throw refused('a root is not text')
    const path = parsePath(root)
    if (last !== undefined && comparePaths(last, path) >= 0)
      throw refused(`its roots ${quote(last)} and ${quote(path)} are not in path order`)
    last = path
  }
  if (filters !== undefined && (!Array.isArray(filters) || filters.length === 0 || mode !== 'mirror'))
    throw refused('its filters are not those of a mirror')
}

/** `at` names the line in messages. Throws `invalid`. */
export function parseEntry(line: string, at: string): ManifestEntry {
  if (plain.test(line)) {
    // Not what the pattern has found: parts of a text keep all of it in memory.
    const entry = JSON.parse(line) as Extract<ManifestEntry, { type: 'file' | 'folder' }>
    parsePath(entry.path)
    return entry
  }
  const entry = typed(objectIn(line, at), at)
  canonical(line, entryLine(entry), at)
  return entry
}

/** A line of an index. Throws `invalid`. */
export function parsePart(line: string, at: string): ManifestPart {
  const { type, package: id, entries, bytes } = objectIn(line, at)
  if (type !== 'part') throw refused(`${at} is not a part, and an index lists nothing else`)
  if (typeof id !== 'string' || !isPackageId(id)) throw refused(`${at} names no package`)
  if (!isCount(entries) || !isCount(bytes)) throw refused(`${at} does not say how many entries and bytes it has`)
  const part: ManifestPart = { type, package: id, entries, bytes }
  canonical(line, partLine(part), at)
  return part
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function typed(fields: Record<string, unknown>, at: string): ManifestEntry {
  const { type } = fields
  if (type === 'part') throw refused(`${at} is a part, and only an index, which lists nothing else, has parts`)
  if (typeof fields['path'] !== 'string') throw refused(`${at} has no path`)
  const path = parsePath(fields['path'])
  switch (type) {
    case 'file': {
      const { digest, size } = fields
      if (typeof digest !== 'string' || !digestPattern.test(digest)) throw refused(`${at} has no SHA-256 digest in hex`)
      if (!isCount(size)) throw refused(`${at} has no size`)
      return { type, path, digest, size }
    }
    case 'folder':
      return { type, path }
    case 'delete':
      if (typeof fields['deep'] !== 'boolean') throw refused(`${at} does not say whether it deletes deep`)
      return { type, path, deep: fields['deep'] }
    default:
      throw refused(`${at} has the unknown type ${JSON.stringify(type)}`)
  }
}

function checkFilter(filter: ManifestFilter): void {
  const values = typeof filter === 'object' && filter !== null ? Object.entries(filter) : []
  const [name, glob] = values[0] ?? []
  if (values.length !== 1 || (name !== 'include' && name !== 'exclude') || typeof glob !== 'string')
    throw refused('one of its filters is neither an include nor an exclude')
}

function objectIn(line: string, at: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw refused(`${at} is not JSON`, cause)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused(`${at} is not an object`)
  return value as Record<string, unknown>
}

/** One comparison for unknown, repeated and misplaced fields, white space and every other spelling of the same. */
function canonical(found: string, expected: string, at: string): void {
  if (found !== expected)
    throw refused(`${at} is not spelt as the format demands (a field unknown, repeated or misplaced, or white space)`)
}

function refused(why: string, cause?: unknown): ReplicationError {
  return new ReplicationError('invalid', `package manifest: ${why}`, cause === undefined ? {} : { cause })
}
