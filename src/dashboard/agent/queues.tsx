import { useState } from 'preact/hooks'
import { at, post } from '../data/api.ts'
import type { Agent, Queue } from '../data/views.ts'
import { bytes, counted } from '../parts/amount.ts'
import { attempt } from '../parts/notices.tsx'
import { State } from '../parts/state.tsx'
import { Ago, Since, Until } from '../parts/time.tsx'
import { Verb } from '../parts/verb.tsx'
import type { TabProps } from './tab.ts'
import { linkTo } from '../router.ts'
import { ItemVerbs } from './item-verbs.tsx'
import { Items } from './items.tsx'

/** So few queues are all opened at once. */
const fewQueues = 3

/** Each queue with what waits in it, and why it does not go on. */
export function QueuesTab({ agent }: TabProps): preact.JSX.Element {
  if (agent.queues.length === 0) return <p class="empty">This agent has no queue: it has no target.</p>
  return (
    <div class="queues">
      {agent.queues.map((queue) => (
        <QueueSheet key={queue.name} agent={agent} queue={queue} />
      ))}
    </div>
  )
}

function QueueSheet({ agent, queue }: { agent: Agent; queue: Queue }): preact.JSX.Element {
  const [isOpen, setOpen] = useState(queue.size > 0 && (agent.queues.length <= fewQueues || !!queue.blockedBy))
  const drift = agent.drift.find(({ target }) => target === queue.name)
  return (
    <section class="sheet queue" aria-label={`Queue ${queue.name}`}>
      <header>
        <h2>{queue.name}</h2>
        <State of={queue.state} />
        <span>
          {queue.size === 0 ? 'empty' : counted(queue.size, 'item')}
          {queue.oldestAt && (
            <>
              , the oldest waits for <Since at={queue.oldestAt} />
            </>
          )}
          {queue.limitBytesPerSecond !== undefined && <>, sent at most {bytes(queue.limitBytesPerSecond)} a second</>}
        </span>
        {drift && (
          <a href={linkTo(['comparisons', drift.comparison])}>
            <State of={drift.state} /> <Ago at={drift.at} />
          </a>
        )}
        <QueueVerbs agent={agent} queue={queue} />
      </header>
      {queue.pausedBy && (
        <p class="remark">
          Paused <Ago at={queue.pausedBy.at} /> by {queue.pausedBy.actor}
          {queue.pausedBy.reason && <>: {queue.pausedBy.reason}</>}
        </p>
      )}
      {queue.diverged && (
        <p class="remark">
          An item was <a href={linkTo(['commands', queue.diverged.command])}>skipped</a>{' '}
          <Ago at={queue.diverged.since} /> by {queue.diverged.actor}
          {queue.diverged.reason && <>: {queue.diverged.reason}</>}. Until a comparison shows both sides equal, the
          target may lack it.
        </p>
      )}
      {queue.blockedBy && <Diagnosis agent={agent.name} queue={queue} blockedBy={queue.blockedBy} />}
      {queue.size > 0 && (
        <button type="button" class="quiet" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? '▾ Items' : `▸ Items (${queue.size})`}
        </button>
      )}
      {isOpen && <Items agent={agent.name} queue={queue.name} />}
    </section>
  )
}

/** What is wrong at the head, and beside it what can be done about it. */
function Diagnosis(props: {
  agent: string
  queue: Queue
  blockedBy: NonNullable<Queue['blockedBy']>
}): preact.JSX.Element {
  const { agent, queue, blockedBy } = props
  return (
    <div class={`diagnosis ${queue.state}`} role="group" aria-label={`Why ${queue.name} does not go on`}>
      <p>
        <b>{blockedBy.error.detail}</b>
        <br />
        <small>
          {blockedBy.error.code}, {counted(blockedBy.attempts, 'try', 'tries')} of{' '}
          <a href={linkTo(['commands', blockedBy.item])}>the first command</a>
          {blockedBy.nextAttemptAt && (
            <>
              , next <Until at={blockedBy.nextAttemptAt} />
            </>
          )}
        </small>
      </p>
      <div class="verbs">
        <button
          type="button"
          class="primary"
          onClick={() => void attempt('It is tried now.', () => post(`${pathOf(agent, queue.name)}/retry`))}
        >
          Retry now
        </button>
        <ItemVerbs agent={agent} queue={queue.name} item={blockedBy.item} />
        <a class="button" href={linkTo(['agents', agent, 'targets'], { test: queue.name })}>
          Test the target
        </a>
      </div>
    </div>
  )
}

function QueueVerbs({ agent, queue }: { agent: Agent; queue: Queue }): preact.JSX.Element {
  const path = pathOf(agent.name, queue.name)
  const isOwnPause = queue.state === 'paused' && agent.state !== 'paused'
  return (
    <div class="verbs">
      {isOwnPause && (
        <button type="button" onClick={() => void attempt('The queue goes on.', () => post(`${path}/resume`))}>
          Resume
        </button>
      )}
      <Verb
        label="Pause…"
        isOffered={queue.state !== 'paused' && !queue.name.startsWith('error-')}
        title={`Pause the queue ${queue.name}?`}
        verb="Pause"
        reason="welcome"
        act={(reason) => post(`${path}/pause`, reason && { reason })}
      >
        <p>It stands still until somebody resumes it. Items are still put in.</p>
      </Verb>
      <Verb
        label="Clear…"
        class="danger"
        isOffered={queue.size > 0}
        title={`Remove all ${counted(queue.size, 'item')} of ${queue.name}?`}
        verb="Clear"
        reason="welcome"
        act={(reason) => post(`${path}/clear`, reason && { reason })}
      >
        <p>
          They are not delivered to this target, which will lack what they carry. The history keeps them as cancelled.
        </p>
      </Verb>
    </div>
  )
}

export function pathOf(agent: string, queue: string): string {
  return at('agent', agent, 'queues', queue)
}
