import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Receipt } from '../src/endpoints/endpoint.ts'
import type { Place } from './installation.ts'

/** What a target itself says that it has applied, in that order. It forgets the oldest, so it is asked now and then. */
export class Journal {
  readonly place: Place
  readonly receipts: Receipt[] = []
  /** Deliveries of which there was more than one receipt. */
  readonly doubled = new Set<string>()
  readonly #known = new Set<string>()

  constructor(place: Place) {
    this.place = place
  }

  read(): void {
    const here = new Set<string>()
    for (const line of linesIn(join(this.place.folder, '.trebuchet'))) {
      const receipt = parse(line)
      if (receipt === undefined) continue
      if (here.has(receipt.delivery)) this.doubled.add(receipt.delivery)
      here.add(receipt.delivery)
      if (this.#known.has(receipt.delivery)) continue
      this.#known.add(receipt.delivery)
      this.receipts.push(receipt)
    }
  }
}

export async function follow(journals: readonly Journal[], over: () => boolean): Promise<void> {
  while (!over()) {
    for (const journal of journals) journal.read()
    await pause(1000)
  }
  for (const journal of journals) journal.read()
}

function linesIn(folder: string): string[] {
  try {
    // One lane delivers to each target, so there is one folder.
    return readdirSync(folder).flatMap((lane) => readFileSync(join(folder, lane, 'receipts'), 'utf8').split('\n'))
  } catch {
    return []
  }
}

/** The last line may be on its way. */
function parse(line: string): Receipt | undefined {
  try {
    return JSON.parse(line) as Receipt
  } catch {
    return undefined
  }
}
