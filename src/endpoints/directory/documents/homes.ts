import { lstatSync } from 'node:fs'
import { printJson } from '../../../documents/json.ts'
import { pathOf } from '../../../documents/names.ts'
import { streamWriter } from '../../../documents/streams/write.ts'
import type { Value } from '../../../documents/value.ts'
import { ReplicationError } from '../../../errors.ts'
import { parentPath, quote, rootPath, type ResourcePath } from '../../../resources/path.ts'
import { isAbsent, type HeldFolders } from '../held-folders.ts'
import { readWhole } from '../stable-file.ts'
import type { Gone } from './gone.ts'
import { Strays } from './placement.ts'
import { placeOfFile, scan, scanFile, type ScanOptions } from './scan.ts'
import type { Staging } from './staging.ts'

const smallBytes = 256 * 1024

/** Where documents are in a folder, and where they are to be: `/<type>/<id>.yaml`, each alone. */
export class Homes {
  readonly #folders: HeldFolders
  readonly #options: ScanOptions
  readonly #staging: Staging
  readonly #format: 'yaml' | 'json'
  readonly #strays = new Strays()
  /** Strays that the package puts or removes, and files of theirs that get another content. */
  readonly #replaced = new Set<ResourcePath>()
  readonly #rewritten = new Set<ResourcePath>()
  readonly #scratch = Buffer.alloc(smallBytes)
  #checked: ResourcePath | undefined

  /** `folders` is used by this alone. */
  constructor(folders: HeldFolders, options: ScanOptions, staging: Staging, format: 'yaml' | 'json') {
    this.#folders = folders
    this.#options = options
    this.#staging = staging
    this.#format = format
  }

  /** Looks at all that is there, and stages the removal of what is to go. */
  async look(gone: Gone): Promise<void> {
    for await (const { file, document, isAtHome } of scan(this.#folders, this.#options)) {
      const path = pathOf(document)
      const isHome = isAtHome && file === this.#homeOf(path)
      if (!isHome) this.#strays.add(file, document)
      if (!gone.has(path)) continue
      if (isHome) this.#staging.delete(file)
      else this.#strays.remove(path)
      if (isHome || !this.#replaced.has(path)) this.#staging.result({ path, outcome: 'deleted' })
      if (!isHome) this.#replaced.add(path)
    }
  }

  async put(path: ResourcePath, value: Value): Promise<void> {
    const home = this.#homeOf(path)
    const text = streamText(value, this.#format)
    const elsewhere = this.#strays.say(path, value)
    const here = this.#strays.has(home) ? undefined : await this.#says(home, path, value, text)
    const isKnown = elsewhere !== undefined || here !== undefined
    if (isKnown && elsewhere !== false && here !== false) return this.#staging.result({ path, outcome: 'unchanged' })
    this.#refuseFile(parentPath(home) ?? rootPath)
    this.#strays.remove(path)
    if (elsewhere !== undefined) this.#replaced.add(path)
    this.#move(home, text)
    this.#staging.result({ path, outcome: isKnown ? 'updated' : 'created' })
  }

  /** Gives what is left in files that are to go a home of its own, and stages their removal. */
  async clear(gone: Gone): Promise<void> {
    for (const file of this.#strays.going) {
      for await (const { document } of scanFile(this.#folders, file, this.#options)) {
        const path = pathOf(document)
        if (this.#replaced.has(path) || gone.has(path)) continue
        const home = this.#homeOf(path)
        const text = streamText(document.value, this.#format)
        const here = this.#strays.has(home) ? undefined : await this.#says(home, path, document.value, text)
        if (here === false)
          throw new ReplicationError(
            'conflict',
            `${quote(path)} is in ${quote(file)} and in ${quote(home)}, and they say different things`,
          )
        this.#replaced.add(path)
        if (here === undefined) this.#move(home, text)
      }
    }
    for (const file of this.#strays.going) if (!this.#rewritten.has(file)) this.#staging.delete(file)
  }

  #move(home: ResourcePath, text: string): void {
    this.#strays.makeRoom(home)
    if (this.#strays.has(home)) this.#rewritten.add(home)
    this.#staging.put(home, text)
  }

  #homeOf(path: ResourcePath): ResourcePath {
    return `${path}.${this.#format}` as ResourcePath
  }

  /** Whether the file, in which only this document can be, says the same; undefined when there is none. */
  async #says(file: ResourcePath, path: ResourcePath, value: Value, text: string): Promise<boolean | undefined> {
    const place = this.#placeOf(file)
    const stats = place === undefined ? undefined : lstatSync(place, { throwIfNoEntry: false })
    if (place === undefined || stats === undefined || !stats.isFile()) return undefined
    const size = readWhole(place, file, this.#scratch, 0, smallBytes)
    if (size !== undefined && this.#scratch.toString('utf8', 0, size) === text) return true
    const json = printJson(value)
    for await (const { document } of scanFile(this.#folders, file, this.#options))
      return pathOf(document) === path && printJson(document.value) === json
    // An empty file holds nothing, and is nobody's.
    return undefined
  }

  #placeOf(file: ResourcePath): string | undefined {
    try {
      this.#folders.at(parentPath(file) ?? rootPath)
    } catch (error) {
      if (isAbsent(error)) return undefined
    }
    return placeOfFile(this.#folders, file)
  }

  /** A file or a link that is where the folder of a type is to be is somebody else's. Throws `rejected`. */
  #refuseFile(folder: ResourcePath): void {
    if (folder === this.#checked) return
    const stats = lstatSync(`${this.#folders.at(rootPath)}${folder}`, { throwIfNoEntry: false })
    if (stats !== undefined && !stats.isDirectory())
      throw new ReplicationError('rejected', `${quote(folder)} is a file or a link where the folder of a type is to be`)
    this.#checked = folder
  }
}

function streamText(value: Value, format: 'yaml' | 'json'): string {
  return streamWriter(format === 'json' ? 'ndjson' : format).document(value)
}
