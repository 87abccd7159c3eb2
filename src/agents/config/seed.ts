import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError, type Fault } from '../../errors.ts'
import type { ConfigStore } from './store.ts'

/**
 * Creates the agents of `<folder>/*.json` that this installation has never had, and answers their names. What
 * has ever been here is REST's to decide: an agent that was deleted stays deleted, one that was changed stays so.
 * Throws `invalid`, in one line that names the file and its first fault, before anything is created.
 */
export async function seedAgents(configs: ConfigStore, folder: string): Promise<string[]> {
  const wanted = new Map<string, { file: string; input: unknown }>()
  for (const file of await seedFiles(folder)) {
    const input = await readSeed(file)
    const name = (input as { name?: unknown } | null)?.name
    if (typeof name === 'string' && (await configs.everHad(name))) continue
    const { config, faults } = await configs.check(input)
    if (config === undefined) throw refusal(file, faults[0])
    const other = wanted.get(config.name)
    if (other !== undefined)
      throw new ReplicationError('invalid', `${file}: ${other.file} names agent ${config.name} too`)
    wanted.set(config.name, { file, input })
  }
  const created: string[] = []
  for (const [name, { input }] of wanted) {
    try {
      await configs.create(input, { actor: 'config', conditions: { ifNoneMatch: '*' } })
      created.push(name)
    } catch (error) {
      // Another server on the same Store has been faster.
      if (!(error instanceof ReplicationError && error.code === 'stale')) throw error
    }
  }
  return created
}

async function seedFiles(folder: string): Promise<string[]> {
  try {
    const names = await readdir(folder)
    return names
      .filter((name) => name.endsWith('.json'))
      .toSorted()
      .map((name) => join(folder, name))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new ReplicationError('invalid', `the folder ${folder} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

async function readSeed(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as unknown
  } catch (cause) {
    const message = (cause as Error).message.replaceAll(/\s+/g, ' ')
    throw new ReplicationError('invalid', `${file}: ${message}`, { cause })
  }
}

function refusal(file: string, fault: Fault | undefined): ReplicationError {
  return new ReplicationError('invalid', `${file}: ${fault?.pointer || 'the config'} ${fault?.message ?? 'is invalid'}`)
}
