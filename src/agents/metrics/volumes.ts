import { statfs } from 'node:fs/promises'
import { Gauges, type Family, type Labels } from './series.ts'

/** A volume that does not answer, such as a share whose server is gone, does not keep the others waiting. */
const patienceMs = 1000

/** How much room there is where a folder lies. */
export class Volume {
  readonly #name: string
  readonly #folder: string
  #asked: Promise<Family[]> | undefined

  /** `name`: what lies there, as metrics name it. */
  constructor(name: string, folder: string) {
    this.#name = name
    this.#folder = folder
  }

  /** None while it cannot be told. Throws never. */
  async families(): Promise<readonly Family[]> {
    // One that hangs is not asked again before it has answered.
    this.#asked ??= this.#ask().finally(() => (this.#asked = undefined))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<Family[]>((resolve) => (timer = setTimeout(() => resolve([]), patienceMs)))
    return Promise.race([this.#asked, late]).finally(() => clearTimeout(timer))
  }

  async #ask(): Promise<Family[]> {
    try {
      const { bsize, bavail, blocks } = await statfs(this.#folder)
      const gauge = (what: string, help: string, value: number): Family =>
        new Gauges(`trebuchet_${this.#name}_volume_${what}_bytes`, help, [[{} satisfies Labels, value]])
      return [
        gauge('free', `What this server may still write to the volume on which ${this.#name} lie.`, bavail * bsize),
        gauge('size', `The whole of the volume on which ${this.#name} lie.`, blocks * bsize),
      ]
    } catch {
      return []
    }
  }
}
