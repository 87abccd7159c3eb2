import { open } from 'node:fs/promises'

/** Makes durable what was named, renamed or removed in the folder. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
