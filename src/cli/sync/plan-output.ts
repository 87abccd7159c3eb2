import { nameAt } from '../../documents/names.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { count, print } from '../say.ts'
import type { Output } from './options.ts'

export interface PlannedChange {
  readonly path: ResourcePath
  readonly change: 'added' | 'changed' | 'removed'
  /** Hunks of a unified diff. */
  readonly diff?: string
}

export interface PlanCounts {
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly same: number
  /** Only at the destination, and not to be deleted. */
  readonly kept: number
}

interface Plan {
  readonly destination: string
  readonly counts: PlanCounts
}

/** Writes a plan to standard output, each change as it is found. */
export interface PlanWriter {
  change(change: PlannedChange): Promise<void>
  end(plan: Plan): Promise<void>
}

export function planWriter(output: Output): PlanWriter {
  switch (output) {
    case 'text':
      return textWriter()
    case 'json':
      return jsonWriter()
    case 'ndjson':
      return {
        change: (one) => print(`${JSON.stringify(viewOf(one))}\n`),
        end: (plan) => print(`${JSON.stringify(plan)}\n`),
      }
  }
}

const marks = { added: '+', changed: '~', removed: '-' } as const

function textWriter(): PlanWriter {
  return {
    async change({ path, change, diff }) {
      const body = diff === undefined ? '' : diff.replaceAll(/^(?=.)/gm, '    ')
      await print(`${marks[change]} ${path.slice(1)}\n${body}`)
    },
    async end({ counts: { added, changed, removed, same, kept } }) {
      const stay = kept > 0 ? `; ${count(kept)} only at the destination stay there (--delete removes them)` : ''
      await print(
        `${count(added)} added, ${count(changed)} changed, ${count(removed)} removed, ${count(same)} the same${stay}\n`,
      )
    },
  }
}

function jsonWriter(): PlanWriter {
  let lead = '{"changes":[\n'
  return {
    async change(one) {
      await print(`${lead}${JSON.stringify(viewOf(one))}`)
      lead = ',\n'
    },
    async end(plan) {
      const start = lead.startsWith('{') ? lead.trimEnd() : '\n'
      await print(`${start}],${JSON.stringify(plan).slice(1)}\n`)
    },
  }
}

function viewOf({ path, ...rest }: PlannedChange): object {
  return { path, ...nameAt(path), ...rest }
}
