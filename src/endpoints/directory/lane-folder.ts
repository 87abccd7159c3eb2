/**
 * What a target folder holds besides resources:
 *
 *     .trebuchet/                    readable by the server's user alone
 *       <hash of the lane>/
 *         receipts                   see receipts.ts
 *         <epoch>-<attempt>/         staging: what is on its way in, and what was on its way out
 *           ended                    once the worker will do nothing more here; in it `durableBefore`
 *         survey-…/                  what a mirror will do, see survey.ts, until it has or another is made
 *         away-…/                    staging of epochs that are over, being deleted
 *
 * Fencing: content enters, and what is removed leaves, only by renaming out of and into the staging folder, which is
 * named by its path in the lane's folder each time and never by a handle. Whoever takes over the lane renames older
 * staging folders away before it changes anything; a worker that was stopped and comes back then finds its own gone, and
 * every rename that it still tries fails. The staging folder of the highest epoch stays, empty, as the memory of it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { codeOf, writeFault } from './faults.ts'
import type { HeldFolders } from './held-folders.ts'
import { ownName } from './own-folder.ts'
import { removeFolder } from './remove.ts'

const stagingName = /^(\d+)-(\d+)$/
const awayPrefix = 'away-'
const surveyPrefix = 'survey-'
const endMark = 'ended'

export class LaneFolder {
  readonly #held: HeldFolders
  readonly #own: ResourcePath
  readonly path: ResourcePath
  /** What to put before `/<name>` to reach what lies in it. */
  readonly place: string
  /** Whoever had the lane before `takeEpoch` has not said that he is done: he may be dead, or come back. */
  wasAbandoned = false
  /**
   * All that the target held, and that was changed before this time, has been made durable: ms, by the clock of its file system. What
   * a worker has moved without coming to its end was not, so it is 0 when there was one.
   */
  durableBefore = 0

  /** Takes `held` over: it is closed with this. `own` is the name of the folder of all lanes. Throws the errors of writing. */
  constructor(held: HeldFolders, lane: string, own = ownName) {
    this.#held = held
    this.#own = `/${own}` as ResourcePath
    const hash = createHash('sha256').update(lane).digest('hex').slice(0, 32)
    this.path = `${this.#own}/${hash}` as ResourcePath
    try {
      this.place = makeFolders(held, own, hash)
    } catch (error) {
      held.close()
      throw writeFault(error, `the target's ${own}`)
    }
  }

  /** Makes its own name durable, and those in it. */
  sync(): void {
    // Through handles of its own: `place` stands for the one that is held here.
    const held = this.#held.fork()
    try {
      for (const path of [rootPath, this.#own, this.path]) held.sync(path)
    } finally {
      held.close()
    }
  }

  /**
   * The name of this epoch's staging folder, new and empty. From now on no older worker changes the target. Throws
   * `conflict` when there has been a higher epoch.
   */
  async takeEpoch(epoch: number, breath: Breath): Promise<string> {
    const mine = this.#makeStaging(epoch)
    for (const other of this.#stagings()) {
      if (other.epoch < epoch || (other.epoch === epoch && other.attempt < mine.attempt)) {
        this.#learn(`${this.place}/${other.name}/${endMark}`)
        this.#sendAway(other.name)
      } else if (other.name !== mine.name) {
        rmdirSync(`${this.place}/${mine.name}`)
        throw overtaken()
      }
    }
    const { ctimeMs } = lstatSync(`${this.place}/${mine.name}`)
    if (this.wasAbandoned || this.durableBefore > ctimeMs) this.durableBefore = 0
    for (const name of readdirSync(this.place))
      if (name.startsWith(awayPrefix)) await removeFolder(`${this.place}/${name}`, breath)
    return mine.name
  }

  /** The name of a new folder, beside the staging folders, for what a mirror will do; that of an earlier one goes. */
  async makeSurvey(breath: Breath): Promise<string> {
    for (const name of readdirSync(this.place)) if (name.startsWith(surveyPrefix)) await this.removeSurvey(name, breath)
    const name = `${surveyPrefix}${randomBytes(8).toString('hex')}`
    mkdirSync(`${this.place}/${name}`, 0o700)
    return name
  }

  async removeSurvey(name: string, breath: Breath): Promise<void> {
    await removeFolder(`${this.place}/${name}`, breath)
  }

  /** Whether a newer worker has taken the lane over since the staging folder was made. */
  isOver(staging: string): boolean {
    return lstatSync(`${this.place}/${staging}`, { throwIfNoEntry: false }) === undefined
  }

  /** To be said last, with the staging folder empty; nothing comes of it when the lane is over. */
  end(staging: string): void {
    try {
      writeFileSync(`${this.place}/${staging}/${endMark}`, String(this.durableBefore))
    } catch {
      // The next one takes this one for dead, and is only more careful.
    }
  }

  close(): void {
    this.#held.close()
  }

  #learn(mark: string): void {
    try {
      this.durableBefore = Math.max(this.durableBefore, Number(readFileSync(mark, 'latin1')) || 0)
    } catch {
      this.wasAbandoned = true
    }
  }

  #stagings(): { name: string; epoch: number; attempt: number }[] {
    return readdirSync(this.place).flatMap((name) => {
      const match = stagingName.exec(name)
      return match === null ? [] : [{ name, epoch: Number(match[1]), attempt: Number(match[2]) }]
    })
  }

  #makeStaging(epoch: number): { name: string; attempt: number } {
    for (;;) {
      const there = this.#stagings()
      if (there.some((other) => other.epoch > epoch)) throw overtaken()
      const attempt = Math.max(0, ...there.filter((other) => other.epoch === epoch).map((other) => other.attempt)) + 1
      const name = `${epoch}-${attempt}`
      try {
        mkdirSync(`${this.place}/${name}`, 0o700)
        return { name, attempt }
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error
      }
    }
  }

  #sendAway(name: string): void {
    try {
      renameSync(`${this.place}/${name}`, `${this.place}/${awayPrefix}${name}-${randomBytes(4).toString('hex')}`)
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error
    }
  }
}

export function overtaken(): ReplicationError {
  return new ReplicationError('conflict', 'a newer worker has taken over this lane; this one leaves the target to it')
}

/** The names are made durable with those of the delivery. */
function makeFolders(held: HeldFolders, own: string, hash: string): string {
  for (let tries = 1; ; tries++)
    try {
      makeFolder(`${held.at(rootPath)}/${own}`)
      makeFolder(`${held.at(`/${own}` as ResourcePath)}/${hash}`)
      return held.at(`/${own}/${hash}` as ResourcePath)
    } catch (error) {
      // Whoever tests the target removes the server's folder again, if it was there for the test alone.
      if (codeOf(error) !== 'ENOENT' || tries === 10) throw error
    }
}

function makeFolder(place: string): void {
  try {
    mkdirSync(place, 0o700)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}
