/** Which files hold documents that they are not named after, and what becomes of those files. */
import { hash } from 'node:crypto'
import { printJson } from '../../../documents/json.ts'
import { pathOf, type Document } from '../../../documents/names.ts'
import type { Value } from '../../../documents/value.ts'
import type { ResourcePath } from '../../../resources/path.ts'

interface Stray {
  readonly file: ResourcePath
  readonly digest: string
}

/**
 * Documents that share a file with others, or lie in one of another name or form. Of those that lie where they belong
 * nothing is remembered: there may be any number.
 */
export class Strays {
  readonly #byPath = new Map<ResourcePath, Stray[]>()
  readonly #byFile = new Map<ResourcePath, ResourcePath[]>()
  /** Files that are to go, once what is to stay of them has files of its own. */
  readonly #going = new Set<ResourcePath>()

  add(file: ResourcePath, document: Document): void {
    const path = pathOf(document)
    pushTo(this.#byPath, path, { file, digest: digestOf(document.value) })
    pushTo(this.#byFile, file, path)
  }

  /** Whether the document lies somewhere, and wherever it does says this. */
  say(path: ResourcePath, value: Value): boolean | undefined {
    const strays = this.#byPath.get(path)
    if (strays === undefined) return undefined
    const digest = digestOf(value)
    return strays.every((stray) => stray.digest === digest)
  }

  /** The document is to be where it belongs, or nowhere: the files that hold it go. */
  remove(path: ResourcePath): void {
    for (const { file } of this.#byPath.get(path) ?? []) this.#going.add(file)
  }

  /** Another document's own file is to be here. */
  makeRoom(file: ResourcePath): void {
    if (this.#byFile.has(file)) this.#going.add(file)
  }

  /** Also those that are added meanwhile. */
  get going(): Iterable<ResourcePath> {
    return this.#going
  }

  has(file: ResourcePath): boolean {
    return this.#byFile.has(file)
  }
}

function digestOf(value: Value): string {
  return hash('sha256', printJson(value), 'base64')
}

function pushTo<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [value])
  else known.push(value)
}
