/** Assists whoever applies a package: writes contents of it. */
import type { MessagePort } from 'node:worker_threads'
import { assist } from '../../threads/assistant.ts'
import { Breath } from './breath.ts'
import { ContentWriter, type Staging, type Writing } from './content-writer.ts'

export async function run(staging: Staging, port: MessagePort, signal: AbortSignal): Promise<void> {
  const writer = new ContentWriter(staging, new Breath(signal))
  try {
    await assist<readonly Writing[], void>(port, signal, (batch) => writer.write(batch))
  } finally {
    await writer.close()
  }
}
