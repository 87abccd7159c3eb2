import { ReplicationError } from '../errors.ts'

declare const brand: unique symbol

/**
 * The address of a resource: absolute, `/`-separated, without `.`, `..`, empty segments or NUL, well-formed Unicode, at
 * most 4,096 bytes as UTF-8. Compared as it is, never normalised. Made by `parsePath` alone, so nobody checks it twice.
 */
export type ResourcePath = string & { readonly [brand]: 'ResourcePath' }

export const rootPath = '/' as ResourcePath

/** PATH_MAX of Linux: what a directory can hold at most. */
const maxBytes = 4096

/** Throws `invalid`, naming the path (shortened) and what is wrong with it. */
export function parsePath(text: string): ResourcePath {
  const fault = faultIn(text)
  if (fault !== undefined) throw new ReplicationError('invalid', `path ${quote(text)} ${fault}`)
  return text as ResourcePath
}

/** What is wrong with a path, or undefined. */
export function faultIn(text: string): string | undefined {
  if (text === '/') return undefined
  if (!text.startsWith('/')) return 'must begin with a slash'
  if (text.length > maxBytes || Buffer.byteLength(text) > maxBytes) return `is longer than ${maxBytes} bytes`
  if (!text.isWellFormed()) return 'is not well-formed Unicode'
  if (text.includes('\0')) return 'contains a NUL'
  if (text.endsWith('/')) return 'must not end with a slash'
  for (const segment of text.slice(1).split('/')) {
    if (segment === '') return 'has an empty segment'
    if (segment === '.' || segment === '..') return `has a segment ${segment}`
  }
  return undefined
}

/** `name` is one segment: what a directory entry is called. Throws `invalid`. */
export function childPath(parent: ResourcePath, name: string): ResourcePath {
  return parsePath(parent === '/' ? `/${name}` : `${parent}/${name}`)
}

export function parentPath(path: ResourcePath): ResourcePath | undefined {
  if (path === '/') return undefined
  const slash = path.lastIndexOf('/')
  return (slash === 0 ? '/' : path.slice(0, slash)) as ResourcePath
}

export function segmentsOf(path: ResourcePath): string[] {
  return path === '/' ? [] : path.slice(1).split('/')
}

/** Whether `path` is `ancestor` or lies below it, by segments: `/a` admits `/a/b` and not `/ab`. */
export function isWithin(path: ResourcePath, ancestor: ResourcePath): boolean {
  return ancestor === '/' || path === ancestor || path.startsWith(`${ancestor}/`)
}

/**
 * The one order of everything: depth first, siblings by the bytes of their names. It is the byte order of UTF-8 with `/`
 * sorting below every other character, so a parent always comes right before what it holds.
 */
export function comparePaths(a: ResourcePath, b: ResourcePath): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return weight(x) - weight(y)
  }
  return a.length - b.length
}

/** UTF-16 sorts surrogates below U+E000 to U+FFFF, UTF-8 sorts what they stand for above. */
function weight(unit: number): number {
  if (unit === 0x2f) return -1
  if (unit >= 0xd800 && unit <= 0xdfff) return unit + 0x10000
  return unit
}

/** The paths in order, without doubles and without those that lie below another one. */
export function outermost(paths: readonly ResourcePath[]): ResourcePath[] {
  const sorted = paths.toSorted(comparePaths)
  const kept: ResourcePath[] = []
  for (const path of sorted) {
    const last = kept.at(-1)
    if (last === undefined || !isWithin(path, last)) kept.push(path)
  }
  return kept
}

/** Controls that JSON leaves as they are, what has no width, and what reverses the text around it. */
const unseen = /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** A path for messages: quoted, with all that cannot be seen escaped, shortened to 200 characters. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text).replaceAll(
    unseen,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
