/** All secrets of the Store under the current key: after an upgrade, after the key has changed, and in what others left. */
import type { Logger } from 'pino'
import { ReplicationError } from '../../errors.ts'
import { keyPrefix } from '../../secrets/open.ts'
import { below, scan, type Entry, type Store } from '../../state/store.ts'
import type { AgentConfig } from './config.ts'
import type { KeptSecrets } from './kept-secrets.ts'
import { configKey } from './record.ts'

/** What was counted last, by whichever server. */
const tallyKey = 'secrets-tally'
/** While something is left to do, for others may have written it since. */
const againMs = 3_600_000

/** How many secrets are kept, revisions included. */
export interface Tally {
  /** RFC 3339. */
  readonly at: string
  readonly keys: readonly { readonly key: string; readonly secrets: number }[]
  readonly plain: number
}

interface Holder {
  readonly config?: AgentConfig
}

/**
 * Encrypts with the current key what is plain or under another one that is here; what cannot be read stays as it is. Whatever is done
 * stays done, so that it may end at any time and begin again, on several servers at once. Answers what there is then.
 */
export async function encryptAll(store: Store, secrets: KeptSecrets, signal: AbortSignal): Promise<Tally> {
  const marks = await store.range<string>({ ...below(keyPrefix), limit: 1000 })
  const counts = new Map<string, number>()
  let plain = 0
  for (const prefix of ['config/', 'config-revision/'])
    for await (const entry of scan<Holder>(store, below(prefix), 64)) {
      signal.throwIfAborted()
      const found = await encryptOne(store, secrets, entry)
      for (const key of found.keys) counts.set(key, (counts.get(key) ?? 0) + 1)
      plain += found.plain
    }
  // A key that somebody has needed since this began has another mark by now.
  for (const { key, version } of marks)
    if (!counts.has(key.slice(keyPrefix.length)))
      await store.commit({ checks: [{ key, version }], writes: [{ delete: key }] })
  const keys = [...counts].map(([key, secrets]) => ({ key, secrets })).toSorted((a, b) => (a.key < b.key ? -1 : 1))
  const tally: Tally = { at: new Date().toISOString(), keys, plain }
  await store.commit({ writes: [{ put: tallyKey, value: tally }] })
  return tally
}

/** Undefined: nobody has counted yet. */
export async function lastTally(store: Store): Promise<Tally | undefined> {
  return (await store.get<Tally>(tallyKey))?.value
}

async function encryptOne(
  store: Store,
  secrets: KeptSecrets,
  found: Entry<Holder>,
): Promise<ReturnType<KeptSecrets['count']>> {
  let entry: Entry<Holder> | undefined = found
  while (entry?.value.config !== undefined) {
    const { key, version, value }: Entry<Holder> = entry
    const { config } = value
    if (config === undefined) break
    const count = secrets.count(config)
    if (!isBehind(count, secrets)) return count
    const kept = secrets.encrypted(config)
    const writes = [{ put: key, value: { ...value, config: kept } }, ...secrets.marks(kept)]
    if ((await store.commit({ checks: [{ key, version }], writes })).ok) return secrets.count(kept)
    entry = await store.get<Holder>(key)
  }
  return { keys: [], plain: 0 }
}

function isBehind({ keys, plain }: ReturnType<KeptSecrets['count']>, { keys: ring }: KeptSecrets): boolean {
  const { current } = ring
  return current !== undefined && (plain > 0 || keys.some((key) => key !== current && ring.has(key)))
}

/** Does so in the background, and says what came of it. Answers how to stop. */
export function keepEncrypted(store: Store, secrets: KeptSecrets, log: Logger): () => Promise<void> {
  const stopping = new AbortController()
  const { current } = secrets.keys
  let timer: NodeJS.Timeout | undefined
  const run = async (): Promise<void> => {
    try {
      const { keys, plain } = await encryptAll(store, secrets, stopping.signal)
      const others = keys.filter(({ key }) => key !== current)
      if (plain > 0) log.warn({ secrets: plain }, 'secrets are kept as plain text, for there is no SECRETS_KEY')
      for (const { key, secrets } of others)
        log.warn({ key, secrets }, 'secrets are encrypted with a key that is not here')
      for await (const fault of locked(store, secrets)) log.warn(fault, 'a secret cannot be decrypted')
      if (keys.length > 0 && others.length === 0 && plain === 0)
        log.info(
          { key: current, secrets: keys[0]?.secrets },
          'all secrets are encrypted with the current key; no other one is needed',
        )
      if (others.length === 0 && plain === 0) return
    } catch (err) {
      if (stopping.signal.aborted) return
      log.warn({ err }, 'secrets could not be looked through')
    }
    timer = setTimeout(again, againMs)
  }
  let running = run()
  const again = (): void => void (running = run())
  return async () => {
    stopping.abort()
    clearTimeout(timer)
    await running
  }
}

/** Which agents cannot use theirs. */
async function* locked(
  store: Store,
  secrets: KeptSecrets,
): AsyncGenerator<{ readonly agent: string; readonly reason: string }, void, void> {
  for await (const { key, value } of scan<Holder>(store, below('config/'), 64)) {
    if (value.config === undefined) continue
    try {
      secrets.refuseLocked(secrets.opened(value.config))
    } catch (error) {
      if (!(error instanceof ReplicationError)) throw error
      yield { agent: key.slice(configKey('').length), reason: error.message }
    }
  }
}
