import { below, scan, type Store } from '../../state/store.ts'
import { commandKey, commandKinds, historyKey, type CommandKind, type HistoryMark, type RunState } from './records.ts'

/** The id of the last one on the page before. */
interface Before {
  readonly before?: string
}

/** Of all commands, newest first. */
export async function* allIds(store: Store, { before }: Before): AsyncGenerator<string> {
  const { from, to } = below(commandKey(''))
  const range = { from, to: before === undefined ? to : commandKey(before), reverse: true }
  for await (const { key } of scan(store, range)) yield key.slice(from.length)
}

/** The ids of one agent's commands of any kind, merged, newest first. */
export async function* idsOfAgent(
  store: Store,
  agent: string,
  chosen: Before & { readonly kind?: CommandKind },
): AsyncGenerator<string> {
  const kinds = chosen.kind === undefined ? commandKinds : [chosen.kind]
  const sources = kinds.map((kind) => marks(store, agent, kind, chosen))
  const heads = await Promise.all(sources.map((source) => source.next()))
  for (;;) {
    const newest = heads.reduce(
      (best, head, i) => (head.done !== true && head.value.id > (heads[best]?.value?.id ?? '') ? i : best),
      -1,
    )
    const head = heads[newest]
    const source = sources[newest]
    if (head === undefined || head.done === true || source === undefined) return
    yield head.value.id
    heads[newest] = await source.next()
  }
}

/** Those of one kind, with the status that the agent's part of each has. */
export async function* marks(
  store: Store,
  agent: string,
  kind: CommandKind,
  { before }: Before,
): AsyncGenerator<{ id: string; status: RunState }, void> {
  const { from, to } = below(historyKey(agent, kind, ''))
  const range = { from, to: before === undefined ? to : historyKey(agent, kind, before), reverse: true }
  for await (const { key, value } of scan<HistoryMark>(store, range))
    yield { id: key.slice(from.length), status: value.status }
}
