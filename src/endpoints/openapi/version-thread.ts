/** Gives a document another version and leaves all else as it is, in a thread. */
import { hash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { edited } from '../../documents/edit.ts'
import { ReplicationError } from '../../errors.ts'
import { Breath } from '../directory/breath.ts'
import type { Copied } from '../endpoint.ts'
import { placeFresh } from '../file/fresh.ts'
import type { Whereabouts } from '../file/whereabouts.ts'
import { bytesOf, readText, type From, type View } from './from.ts'

export interface VersionOrder extends View {
  readonly from: From
  readonly version: string
  /** Absent: whoever asked writes it. */
  readonly to?: Whereabouts
}

export interface Versioned extends Copied {
  readonly text: string
}

export async function run(order: VersionOrder, _port: MessagePort, signal: AbortSignal): Promise<Versioned> {
  const { from, version, to } = order
  const found = 'file' in from ? await bytesOf(from.file, new Breath(signal)) : { bytes: from.bytes }
  if (found === undefined) throw new ReplicationError('missing', 'there is no document yet that could be copied')
  const { text: before, format, definitions } = readText(found.bytes, order)
  const text = edited(before, format, [{ at: ['info', 'version'], value: version }], definitions.value)
  const mode = 'stats' in found ? found.stats.mode : undefined
  if (to !== undefined) await placeFresh(to, mode, async (fd) => writeFileSync(fd, text))
  return { digest: hash('sha256', text), bytes: Buffer.byteLength(text), text: to === undefined ? text : '' }
}
