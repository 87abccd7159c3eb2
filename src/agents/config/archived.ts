import { ReplicationError } from '../../errors.ts'
import { keyPrefix } from '../../secrets/open.ts'
import type { Entry, Store } from '../../state/store.ts'
import type { AgentConfig } from './config.ts'
import type { KeptSecrets } from './kept-secrets.ts'

type Archived = Pick<Entry<unknown>, 'key' | 'value'>

/** What a state is on its way to elsewhere: no plain secret leaves or comes in. */
export class ArchivedSecrets {
  readonly #open: () => Promise<KeptSecrets>
  /** The ids of the keys that what has passed needs. */
  readonly keys = new Set<string>()
  #opened: Promise<KeptSecrets> | undefined

  /** `open` is asked when there is the first config, for it may make a key. */
  constructor(open: () => Promise<KeptSecrets>) {
    this.#open = open
  }

  /** The entries, what is plain in them encrypted. Throws `conflict` where there is no key to do that with. */
  async *encrypted(pages: AsyncIterable<readonly Archived[]>): AsyncGenerator<readonly Archived[], void, void> {
    for await (const page of pages) yield await Promise.all(page.map((entry) => this.#one(entry)))
  }

  /** Which of the keys are not here. */
  async lacking(): Promise<string[]> {
    if (this.keys.size === 0) return []
    const { keys } = await this.#secrets()
    return [...this.keys].filter((key) => !keys.has(key))
  }

  /** Says in a store what its secrets need, where it does not yet. */
  async mark(store: Store): Promise<void> {
    const marks = [...this.keys].map((key) => `${keyPrefix}${key}`)
    const known = await store.getAll(marks)
    const at = new Date().toISOString()
    const writes = marks.filter((_, i) => known[i] === undefined).map((put) => ({ put, value: at }))
    if (writes.length > 0) await store.commit({ writes })
  }

  async #one(entry: Archived): Promise<Archived> {
    const config = configIn(entry)
    if (config === undefined) return entry
    const secrets = await this.#secrets()
    const { keys, plain } = secrets.count(config)
    for (const key of keys) this.keys.add(key)
    if (plain === 0) return entry
    if (secrets.keys.current === undefined)
      throw new ReplicationError(
        'conflict',
        `agent ${config.name} has a secret that is not encrypted, and so must not be here; set SECRETS_KEY, and repeat this`,
      )
    this.keys.add(secrets.keys.current)
    return { ...entry, value: { ...(entry.value as object), config: secrets.encrypted(config) } }
  }

  #secrets(): Promise<KeptSecrets> {
    return (this.#opened ??= this.#open())
  }
}

function configIn({ key, value }: Archived): AgentConfig | undefined {
  if (!key.startsWith('config/') && !key.startsWith('config-revision/')) return undefined
  const { config } = (value ?? {}) as { readonly config?: AgentConfig }
  return Array.isArray(config?.targets) ? config : undefined
}
