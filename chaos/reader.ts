import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Place } from './installation.ts'
import { bytesOf, numberIn } from './numbers.ts'
import { errorFiles, errorFolder, flag, pageFiles, streamFiles } from './senders.ts'

const pollMs = 20

/** Somebody who reads the targets all the time, and notes what nobody must ever see there. */
export class Reader {
  /** What was neither the one nor the other, or gone, as sentences. */
  readonly torn: string[] = []
  /** Numbers that were followed by older ones. */
  readonly backwards: string[] = []
  /** Looks at a file. */
  looks = 0
  readonly #places: readonly Place[]
  /** By file: the number last seen, and its bytes. */
  readonly #seen = new Map<string, { number: number; bytes: Buffer }>()
  /** By target: how many folders of the `errors` agent were seen. */
  readonly #folders = new Map<string, Set<string>>()

  constructor(places: readonly Place[]) {
    this.#places = places
  }

  async run(over: () => boolean): Promise<void> {
    while (!over()) {
      for (const place of this.#places)
        if (place.agent === 'errors') this.#lookForNew(place)
        else for (const path of filesOf(place)) this.look(place, path)
      await pause(pollMs)
    }
  }

  /** The number of a file, or undefined when it is not there. */
  look({ agent, target, folder }: Place, path: string): number | undefined {
    this.looks++
    const name = `${agent}/${target}: ${path}`
    const before = this.#seen.get(name)
    const bytes = read(join(folder, path))
    if (bytes === undefined) {
      if (before !== undefined && path !== flag) this.torn.push(`${name} was ${before.number}, and then it was gone`)
      return undefined
    }
    if (before?.bytes.equals(bytes) === true) return before.number
    const number = numberIn(bytes)
    if (number === undefined) {
      this.torn.push(`${name} has ${bytes.length} bytes that are of no number, after ${before?.number ?? 'nothing'}`)
      return undefined
    }
    if (before !== undefined && number < before.number) this.backwards.push(`${name}: ${number} after ${before.number}`)
    this.#seen.set(name, { number, bytes })
    return number
  }

  /** Of the folders that are written once it is enough to look when they appear: what is not there yet comes soon. */
  #lookForNew({ agent, target, folder }: Place): void {
    const known = this.#folders.get(folder) ?? new Set()
    this.#folders.set(folder, known)
    for (const name of namesIn(join(folder, 'content'))) {
      if (known.has(name)) continue
      known.add(name)
      const number = Number(name.slice(2))
      for (const file of errorFiles) {
        const path = `content/${name}/${file}`
        const bytes = read(join(folder, path))
        if (bytes !== undefined && !bytes.equals(bytesOf(number, 2000)))
          this.torn.push(`${agent}/${target}: ${path} is not whole`)
      }
    }
  }
}

export function filesOf({ agent }: Place): readonly string[] {
  return [...(agent === 'stream' ? streamFiles : pageFiles), flag]
}

/** Whether all that the `errors` agent put there with this number is there, and whole. */
export function isThere({ folder }: Place, number: number): boolean {
  const bytes = bytesOf(number, 2000)
  return errorFiles.every((file) => read(join(folder, errorFolder(number), file))?.equals(bytes) === true)
}

function read(file: string): Buffer | undefined {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
