import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { ReplicationError } from '../errors.ts'
import { below, type Store } from '../state/store.ts'
import { KeyRing, keysIn, newKey } from './key-ring.ts'

interface Settings {
  readonly secretsKey?: string
  readonly dataDir: string
  readonly redisUrl?: string
}

/** There for each key with which a secret in the Store may be encrypted. */
export const keyPrefix = 'secret-key/'

function keyFile(dataDir: string): string {
  return join(dataDir, 'secrets.key')
}

/**
 * The keys of the settings, and behind them those of `DATA_DIR/secrets.key`. A server with a state of its own makes that file when it
 * has no key at all, and nothing in the state needs one; servers that share a Redis would each make another. Throws `invalid` for what is no key.
 */
export async function openKeyRing({ secretsKey, dataDir, redisUrl }: Settings, store: Store): Promise<KeyRing> {
  const file = keyFile(dataDir)
  const given = secretsKey === undefined ? [] : keysOf(secretsKey, 'SECRETS_KEY')
  const text = await textOf(file)
  const kept = text === undefined ? [] : keysOf(text, file)
  // A file of one of them would encrypt what the others cannot read.
  if (redisUrl !== undefined && given.length === 0) return new KeyRing([])
  if (given.length + kept.length > 0) return new KeyRing([...given, ...kept])
  const needed = await store.range({ ...below(keyPrefix), limit: 1 })
  // With another key beside the one that is lost, nobody would look for that one.
  if (needed.length > 0) return new KeyRing([])
  return new KeyRing(await made(file, dataDir))
}

function keysOf(text: string, where: string): Buffer[] {
  const keys = keysIn(text)
  if (keys !== undefined) return keys
  const way =
    'must be keys of 32 bytes each in base64 or hexadecimal, with commas between them; openssl rand -base64 32 makes one'
  throw new ReplicationError('invalid', `${where} ${way}`)
}

async function textOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ReplicationError('invalid', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Whole or not at all, and on the disk before a secret is encrypted with it. Whoever calls has the folder for himself. */
async function made(file: string, folder: string): Promise<Buffer[]> {
  const text = newKey()
  const handle = await open(`${file}.new`, 'w', 0o600)
  try {
    await handle.writeFile(`${text}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${file}.new`, file)
  const around = await open(folder, 'r')
  try {
    await around.sync()
  } finally {
    await around.close()
  }
  return keysOf(text, file)
}
