import { useState } from 'preact/hooks'
import { at, get } from '../data/api.ts'
import { concernsAgent } from '../data/live.ts'
import { useListed } from '../data/listed.ts'
import { useLoaded } from '../data/loaded.ts'
import type { Item, QueuePage, Try } from '../data/views.ts'
import { bytes, count } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { More } from '../parts/more.tsx'
import { Paths } from '../parts/paths.tsx'
import { State } from '../parts/state.tsx'
import { Rows } from '../parts/rows.tsx'
import { Ago, Clock, duration, Until } from '../parts/time.tsx'
import { linkTo } from '../router.ts'
import { ItemVerbs } from './item-verbs.tsx'

/** What waits in a queue, in the order in which it will go. */
export function Items({ agent, queue }: { agent: string; queue: string }): preact.JSX.Element {
  const items = useListed<Item, QueuePage>(at('agent', agent, 'queues', queue), {}, concernsAgent(agent), 20)
  return (
    <>
      {items.items.length > 0 && (
        <Rows caption={`Items of ${queue}`} heads={['State', 'What', 'Size', 'Since', 'Tries', '']}>
          {items.items.map((item) => (
            <ItemRow key={item.id} agent={agent} queue={queue} item={item} />
          ))}
        </Rows>
      )}
      <More of={items} none="The queue is empty." />
    </>
  )
}

function ItemRow({ agent, queue, item }: { agent: string; queue: string; item: Item }): preact.JSX.Element {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <tr>
        <td data-label="State">
          <State of={item.state} />
        </td>
        <td data-label="What">
          <a href={linkTo(['commands', item.command])}>{item.action}</a>{' '}
          <Paths of={item.paths} total={item.pathCount} />
          {item.error && <p class="fault">{item.error.detail}</p>}
        </td>
        <td data-label="Size">{item.state === 'preparing' ? '…' : `${count(item.entries)} · ${bytes(item.bytes)}`}</td>
        <td data-label="Since">
          <Ago at={item.enqueuedAt} />
          <br />
          <small>{item.actor}</small>
        </td>
        <td data-label="Tries">
          {item.attempts > 0 ? (
            <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              {count(item.attempts)} {isOpen ? '▾' : '▸'}
            </button>
          ) : (
            '0'
          )}
          {item.nextAttemptAt && (
            <small>
              {' '}
              next <Until at={item.nextAttemptAt} />
            </small>
          )}
        </td>
        <td class="verbs">
          {item.state !== 'active' && <ItemVerbs agent={agent} queue={queue} item={item.id} small />}
        </td>
      </tr>
      {isOpen && (
        <tr>
          <td colSpan={6}>
            <Tries agent={agent} queue={queue} item={item} />
          </td>
        </tr>
      )}
    </>
  )
}

function Tries({ agent, queue, item }: { agent: string; queue: string; item: Item }): preact.JSX.Element {
  const { value, problem } = useLoaded(
    `${agent} ${queue} ${item.id} ${item.attempts}`,
    async (signal) =>
      (await get<{ tries: readonly Try[] }>(at('agent', agent, 'queues', queue, 'items', item.id), signal)).tries,
  )
  if (problem) return <Failure error={problem} />
  return (
    <ol class="tries" aria-label="Tries, the newest first">
      {value?.toReversed().map((one) => (
        <li key={one.attempt}>
          {one.attempt}. <Clock at={one.startedAt} />
          {one.finishedAt && <small> {duration(Date.parse(one.finishedAt) - Date.parse(one.startedAt))}</small>}{' '}
          {one.error ? `${one.error.code}: ${one.error.detail}` : one.finishedAt ? 'done' : 'under way'}
        </li>
      ))}
    </ol>
  )
}
