/** Copies one file to where nothing is, in a thread. */
import { createHash } from 'node:crypto'
import { closeSync, writeSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import { Breath } from '../directory/breath.ts'
import type { Copied } from '../endpoint.ts'
import { placeFresh } from './fresh.ts'
import { chunksOf, opened } from './open.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface FileCopyOrder {
  readonly file: string
  readonly to: Whereabouts
}

export async function run({ file, to }: FileCopyOrder, _port: MessagePort, signal: AbortSignal): Promise<Copied> {
  const breath = new Breath(signal)
  const open = opened(file, (fd, stats) => ({ fd, stats }))
  if (open === undefined) throw new ReplicationError('missing', 'there is no document yet that could be copied')
  try {
    return await placeFresh(to, open.stats.mode, async (fd) => {
      const hash = createHash('sha256')
      let bytes = 0
      for await (const chunk of chunksOf(open.fd, open.stats, breath)) {
        hash.update(chunk)
        for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at)
        bytes += chunk.length
      }
      return { digest: hash.digest('hex'), bytes }
    })
  } finally {
    closeSync(open.fd)
  }
}
