/** A job that writes contents with an assistant, who may write from and to elsewhere than itself: so it shows who did what. */
import { readdirSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../src/errors.ts'
import { Breath } from '../../src/endpoints/directory/breath.ts'
import { ContentWriter, type Staging, type Writing } from '../../src/endpoints/directory/content-writer.ts'
import { Writings } from '../../src/endpoints/directory/writings.ts'
import { assist, type AskAssistant } from '../../src/threads/assistant.ts'

export interface WritingOrder {
  readonly own: Staging
  readonly assistants: Staging
  /** What the assistant runs. */
  readonly module: string
  readonly all: readonly Writing[]
  /** What the assistant has done by then. */
  readonly until: 'written' | 'failed'
}

const maxRounds = 400

export async function run(
  order: WritingOrder | Staging,
  port: MessagePort,
  signal: AbortSignal,
  askAssistant: AskAssistant,
): Promise<number> {
  if (!('own' in order)) {
    await assist(port, signal, async () => process.exit(3))
    return 0
  }
  const { own, assistants, module, all, until } = order
  const writings = new Writings(new ContentWriter(own, new Breath(signal)), () =>
    askAssistant(new URL(module), assistants),
  )
  let rounds = 0
  try {
    // It takes a while to come.
    for (; rounds < maxRounds; rounds++) {
      for (const writing of all) if (writings.add(writing, sizeOf(writing))) await writings.flush()
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (signal.aborted) throw new ReplicationError('unavailable', 'stopped')
      if (until === 'written' && readdirSync(assistants.place).length > 0) break
    }
    await writings.end()
  } finally {
    await writings.close()
  }
  return rounds
}

function sizeOf({ content }: Writing): number {
  return 'size' in content ? content.size : content.length
}
