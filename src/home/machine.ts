import { mkdir } from 'node:fs/promises'
import type { Logger } from 'pino'
import { InProcessWork } from '../queues/in-process.ts'
import type { Settings } from '../settings.ts'
import { openEmbedded } from '../state/embedded.ts'
import { mustNotBeImporting, stateFolder } from '../state/embedded-transfer.ts'
import { lockFolder } from '../state/lock.ts'
import type { Home } from './home.ts'

/** State and work of one server, in its own folder. Throws when another server uses that, or an import into it did not end. */
export async function openMachine({ dataDir }: Settings, log: Logger): Promise<Home> {
  await mkdir(dataDir, { recursive: true })
  const lock = await lockFolder(dataDir)
  try {
    await mustNotBeImporting(dataDir)
    const store = await openEmbedded(stateFolder(dataDir))
    return {
      ...{ store, work: new InProcessWork(log) },
      warnings: async () => {
        await store.get('installation')
        return []
      },
      onReturn: () => undefined,
      leave: () => lock.release(),
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}
