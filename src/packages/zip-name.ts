/**
 * What a resource is called in the zip: `jcr_root` and its path, each segment escaped as FileVault's PlatformNameFormat
 * does. The manifest is the truth, so a name is never read back: the reader makes it again from the path and compares.
 */
import { hash } from 'node:crypto'
import { isWithin, segmentsOf, type ResourcePath } from '../resources/path.ts'
import type { ManifestEntry } from './manifest.ts'

const contentFolder = 'jcr_root'
/** What a file system's name may have: longer ones could be listed but not unpacked. */
const maxBytes = 255
const shortened = /~[0-9a-f]{64}(?:\.dir)?$/

/** The names of a manifest's entries, asked for in the manifest's order. */
export class ZipNames {
  /** Files among the entries that the path last asked for lies below, outermost first. */
  readonly #files: ResourcePath[] = []
  #parent: string | undefined
  #prefix = ''

  /** A folder's name ends with a slash. */
  nameOf({ type, path }: Pick<Extract<ManifestEntry, { type: 'file' | 'folder' }>, 'type' | 'path'>): string {
    const slash = path.lastIndexOf('/')
    const parent = path.slice(0, slash)
    while (this.#files.length > 0 && !isWithin(path, this.#files.at(-1) as ResourcePath)) this.#files.pop()
    if (parent !== this.#parent) {
      this.#parent = parent
      this.#prefix = this.#folderOf(parent)
    }
    const segment = path.slice(slash + 1)
    if (type === 'folder') return segment === '' ? this.#prefix : `${this.#prefix}${folderName(segment, false)}/`
    this.#files.push(path)
    return this.#prefix + fileName(segment)
  }

  #folderOf(path: string): string {
    let prefix = `${contentFolder}/`
    let at = ''
    for (const segment of path === '' ? [] : segmentsOf(path as ResourcePath)) {
      at += `/${segment}`
      prefix += `${folderName(segment, this.#files.includes(at as ResourcePath))}/`
    }
    return prefix
  }
}

/** FileVault takes a folder's `.dir` away, not a file's; and what is below a file `a` is kept in the folder `a.dir`. */
export function fileName(segment: string): string {
  return shorten(segment, platformName(segment).replace(/\.dir$/, '.di%72'), '')
}

export function folderName(segment: string, belowFile: boolean): string {
  return shorten(segment, platformName(segment), belowFile || segment.endsWith('.dir') ? '.dir' : '')
}

/**
 * PlatformNameFormat.getPlatformName of Apache Jackrabbit FileVault, such that its getRepositoryName reads every name back.
 * Besides, control characters become `%` and two hex digits too: a zip's names are printed on terminals. And FileVault
 * takes the character behind a leading `_` as it is, so an escaped one must not stand there (`_:`, `%:x`), which it does
 * not see to itself.
 */
export function platformName(name: string): string {
  if (!special.test(name)) return name
  let escaped = ''
  let plainColons = false
  let mayLead = false
  let underscores = 0
  for (let i = 0; i < name.length; i++) {
    const char = name.charAt(i)
    if (char === ':' && i > 0 && !plainColons && !escapedChars.test(name.charAt(0))) {
      escaped += '_'
      underscores = 2
      mayLead = plainColons = true
    } else if (char === '_') {
      escaped += char
      underscores++
      if (i === 0) mayLead = true
      plainColons = true
    } else if (escapedChars.test(char)) {
      escaped += `%${char.charCodeAt(0).toString(16).padStart(2, '0')}`
      if (char === ':') plainColons = true
    } else escaped += char
  }
  return (mayLead && underscores > 1) || escaped.startsWith('_%') ? `_${escaped}` : escaped
}

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const escapedChars = /[:\\<>|"/?%\u0000-\u001f\u007f]/
// oxlint-disable-next-line no-control-regex -- they are what is looked for
const special = /[_:\\<>|"/?%\u0000-\u001f\u007f]/

/**
 * A name that would be too long, or that looks like one that was, becomes as much of its beginning as fits, `~`, and the
 * SHA-256 of the segment: no two segments get the same.
 */
function shorten(segment: string, escaped: string, suffix: string): string {
  const name = escaped + suffix
  // No UTF-16 unit needs more than three bytes.
  if ((name.length * 3 <= maxBytes || Buffer.byteLength(name) <= maxBytes) && !shortened.test(name)) return name
  const room = maxBytes - '~'.length - 64 - '.dir'.length
  let kept = ''
  let bytes = 0
  for (const [char] of escaped.matchAll(/%[0-9a-f]{2}|./gsu)) {
    bytes += Buffer.byteLength(char)
    if (bytes > room) break
    kept += char
  }
  return `${kept}~${hash('sha256', segment)}${suffix}`
}
