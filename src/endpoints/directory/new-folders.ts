/**
 * Folders that the target has nothing of: each is made in the staging folder with all that belongs in it, and takes its place by one
 * rename, instead of one for each file.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { isWithin, parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { syncFile } from './durable.ts'
import { codeOf } from './faults.ts'
import { HeldFolders, openFolderAt } from './held-folders.ts'

export interface NewFolder {
  readonly path: ResourcePath
  /** Its name in the staging folder. */
  readonly staged: string
}

/** More are not made by themselves: their names are held in memory. */
const most = 4096

/** To be told in path order. */
export class NewFolders {
  readonly #place: string
  readonly all: NewFolder[] = []
  #folders: HeldFolders | undefined
  /** Of the folders and files in all of them. */
  count = 0

  /** `place` is what to put before `/<name>` to reach what lies in the staging folder. */
  constructor(place: string) {
    this.#place = place
  }

  /** Whether the folder `top`, which is not there, is made here with what is in it. */
  takes(top: ResourcePath): boolean {
    if (this.all.at(-1)?.path === top) return true
    if (this.all.length === most) return false
    this.all.push({ path: top, staged: `new${this.all.length}` })
    return true
  }

  /** Makes a folder within the one that was taken last. Throws the errors of node:fs, as the other does. */
  addFolder(path: ResourcePath): void {
    this.#at(path)
    this.count++
  }

  /** Where to write a file within the one that was taken last. */
  placeOf(path: ResourcePath): string {
    this.count++
    return `${this.#at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`
  }

  /** Makes all of them durable, one by one, but for their own names. */
  sync(): void {
    for (const { staged } of this.all) syncAll(`${this.#place}/${staged}`)
  }

  close(): void {
    this.#folders?.close()
    this.#folders = undefined
  }

  #at(path: ResourcePath): string {
    const { path: top, staged } = this.all.at(-1) as NewFolder
    if (!isWithin(path, top)) throw new Error(`${path} does not lie in ${top}`)
    this.#folders ??= new HeldFolders(this.#place, false, openFolderAt)
    return this.#folders.at(`/${staged}${path.slice(top.length)}` as ResourcePath, makeFolder)
  }
}

function makeFolder(place: string, name: string): void {
  try {
    mkdirSync(`${place}/${name}`)
  } catch (error) {
    // Where upper and lower case are the same, it has another name.
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

function syncAll(place: string): void {
  for (const entry of readdirSync(place, { withFileTypes: true })) {
    const below = `${place}/${entry.name}`
    if (entry.isDirectory()) syncAll(below)
    else syncFile(below)
  }
  syncFile(place)
}
