import { closeSync, openSync, writeSync } from 'node:fs'
import { parentPath, quote, rootPath, type ResourcePath } from '../../../resources/path.ts'
import { Spool } from '../../documents/spool.ts'
import type { ResourceResult } from '../../endpoint.ts'
import { writeFault } from '../faults.ts'
import type { Move } from '../move.ts'

/** Files on their way into a folder, and what is to be done to get them there. */
export class Staging {
  readonly #place: string
  readonly moves: Spool<Move>
  readonly #results: Spool<ResourceResult>
  readonly #tells: boolean
  readonly #emptied = new Set<ResourcePath>()
  /** So many files are staged, named 0, 1, … in the order of their moves. */
  files = 0
  count = 0

  /** `place` is what to put before `/<name>` to reach what lies in the staging folder. */
  constructor(place: string, tells: boolean) {
    this.#place = place
    this.#tells = tells
    this.moves = new Spool(`${place}/moves`)
    this.#results = new Spool(`${place}/results`)
  }

  put(file: ResourcePath, text: string): void {
    try {
      const fd = openSync(`${this.#place}/${this.files}`, 'wx', 0o666)
      try {
        const bytes = Buffer.from(text)
        for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      throw writeFault(error, quote(file))
    }
    this.files++
    this.#move({ type: 'file', path: file })
  }

  delete(file: ResourcePath): void {
    this.#move({ type: 'delete', path: file, deep: false })
    const folder = parentPath(file) ?? rootPath
    if (folder !== rootPath) this.#emptied.add(folder)
  }

  result(result: ResourceResult): void {
    if (this.#tells) this.#results.add(result)
  }

  /** Once nothing comes any more. */
  get results(): Iterable<ResourceResult> {
    return this.#results.all()
  }

  /** Nothing comes any more: folders that have nothing in them then go, too. */
  end(): void {
    for (const path of this.#emptied) this.#move({ type: 'delete', path, deep: false })
    this.moves.end()
    this.#results.end()
  }

  close(): void {
    this.moves.close()
    this.#results.close()
  }

  #move(move: Move): void {
    this.count++
    this.moves.add(move)
  }
}
