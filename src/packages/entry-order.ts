import { ReplicationError } from '../errors.ts'
import { comparePaths, isWithin, quote, type ResourcePath } from '../resources/path.ts'
import type { PackageLimits } from './limits.ts'
import type { ManifestEntry, ManifestHeader } from './manifest.ts'
import { Regions } from './regions.ts'

/**
 * What the entries of one manifest must be to each other, checked as they come, written or read: strictly in path order,
 * within the roots, nothing below what is deleted deep, no more than the limits.
 */
export class EntryOrder {
  entries = 0
  bytes = 0
  readonly #header: ManifestHeader
  readonly #limits: PackageLimits
  readonly #roots: Regions
  #last: ResourcePath | undefined
  #deleted: ResourcePath | undefined

  constructor(header: ManifestHeader, limits: PackageLimits) {
    this.#header = header
    this.#limits = limits
    this.#roots = new Regions(header.roots)
  }

  /** Throws `invalid`, or `too-large` when a limit is passed. */
  admit(entry: ManifestEntry): void {
    const { path } = entry
    const last = this.#last
    if (last !== undefined && comparePaths(last, path) >= 0)
      throw refused(last === path ? `${quote(path)} twice` : `${quote(path)} after ${quote(last)}, out of path order`)
    if (this.#deleted !== undefined && isWithin(path, this.#deleted))
      throw refused(`${quote(path)} below ${quote(this.#deleted)}, which it deletes`)
    if (!this.#roots.hold(path)) throw refused(`${quote(path)}, which is outside of its roots`)
    if (this.#header.action === 'delete' && entry.type !== 'delete')
      throw refused(`${quote(path)} as ${entry.type}, though its action is delete`)
    if (entry.type === 'file') this.checkContent(path)
    this.#checkNames(path)
    this.entries++
    if (this.entries > this.#limits.maxEntries) throw beyond(`more than ${this.#limits.maxEntries} entries`)
    if (entry.type === 'file') this.#count(entry.size)
    this.#deleted = entry.type === 'delete' && entry.deep ? path : undefined
    this.#last = path
  }

  /** Whether there can be content at the path. Throws `invalid`. */
  checkContent(path: ResourcePath): void {
    if (path === '/') throw refused('content at "/", which can only hold others')
  }

  /** Content that is being written: its size is known only at its end. Throws `too-large`. */
  checkBytes(size: number): void {
    if (this.bytes + size > this.#limits.maxBytes) throw beyond(`more than ${this.#limits.maxBytes} bytes of content`)
  }

  #count(size: number): void {
    this.checkBytes(size)
    this.bytes += size
  }

  #checkNames(path: ResourcePath): void {
    const { maxNameBytes, maxDepth } = this.#limits
    // A path has fewer segments than characters, and a character has at most three bytes for each UTF-16 unit.
    if (path.length <= maxDepth && path.length * 3 <= maxNameBytes) return
    const segments = path.split('/')
    if (segments.length - 1 > maxDepth) throw beyond(`${quote(path)}, deeper than ${maxDepth} segments`)
    if (segments.some((segment) => Buffer.byteLength(segment) > maxNameBytes))
      throw beyond(`${quote(path)}, with a name of more than ${maxNameBytes} bytes`)
  }
}

function refused(what: string): ReplicationError {
  return new ReplicationError('invalid', `package manifest: it lists ${what}`)
}

function beyond(what: string): ReplicationError {
  return new ReplicationError('too-large', `package manifest: it lists ${what}, and that is the limit here`)
}
