import type { ResourcePath } from '../resources/path.ts'
import type { Class } from './classes.ts'
import type { Format } from './content.ts'

/** A resource as it stands on one side. */
export interface State {
  readonly digest?: string
  readonly size?: number
  readonly folder?: true
}

/** One line of a comparison. */
export interface ComparedRow {
  readonly path: ResourcePath
  /** At both sides, only at the source, or only at the target. */
  readonly state: 'existing' | 'added' | 'deleted'
  readonly class: Class
  /** Of what exists: whether the two differ. */
  readonly changed?: boolean
  /** Whether it is ticked unless somebody says otherwise. */
  readonly selected: boolean
  readonly source?: State
  readonly target?: State
  /** What both last had in common; null: that there was nothing. Absent: that is not known. */
  readonly base?: State | null
  /** As what it was compared, where that is more than bytes. */
  readonly format?: Format
  readonly changes?: readonly ChangedPart[]
  /** Why taking it breaks those who call the target, where no single part is to blame. */
  readonly breaking?: readonly string[]
  /** A folder that comes or goes with what it holds: nobody decides of it. */
  readonly implied?: true
}

/** A part of a resource that differs. Values that are long are left out. */
export interface ChangedPart {
  readonly part: string
  readonly class: Class
  readonly source?: unknown
  readonly target?: unknown
  readonly base?: unknown
  /** Why taking it breaks those who call the target. */
  readonly breaking?: readonly string[]
}
