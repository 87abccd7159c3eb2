import type { ComponentType } from 'preact'
import { AgentHeadline } from '../agent/headline.tsx'
import { HistoryTab } from '../agent/history.tsx'
import { LogTab } from '../agent/log.tsx'
import { QueuesTab } from '../agent/queues.tsx'
import type { TabProps } from '../agent/tab.ts'
import { TargetsTab } from '../agent/targets.tsx'
import { ConfigTab } from '../config/tab.tsx'
import { at, get } from '../data/api.ts'
import { concernsAgent } from '../data/live.ts'
import { useLoaded } from '../data/loaded.ts'
import type { Agent } from '../data/views.ts'
import { Failure } from '../parts/failure.tsx'
import { linkTo } from '../router.ts'
import type { PageProps } from './page.ts'

const tabs: readonly { readonly name: string; readonly title: string; readonly Tab: ComponentType<TabProps> }[] = [
  { name: 'queues', title: 'Queues', Tab: QueuesTab },
  { name: 'history', title: 'History', Tab: HistoryTab },
  { name: 'targets', title: 'Targets', Tab: TargetsTab },
  { name: 'log', title: 'Log', Tab: LogTab },
  { name: 'config', title: 'Config', Tab: ({ agent }) => <ConfigTab name={agent.name} /> },
]

/** One agent: how it stands, and everything that can be asked of it. */
export function AgentPage({ rest, query }: PageProps): preact.JSX.Element {
  const [name = '', wanted = 'queues'] = rest
  const {
    value: agent,
    problem,
    reload,
  } = useLoaded(name, (signal) => get<Agent>(`/agent${at(name)}`, signal), concernsAgent(name))
  const { Tab } = tabs.find((tab) => tab.name === wanted) ?? { Tab: QueuesTab }
  return (
    <section class="agent-page">
      {problem && <Failure error={problem} retry={reload} />}
      {agent === undefined && problem === undefined && <p class="starting">Reading…</p>}
      {agent && (
        <>
          <AgentHeadline agent={agent} />
          <nav class="tabs" aria-label={`Agent ${name}`}>
            {tabs.map((tab) => (
              <a
                key={tab.name}
                href={linkTo(['agents', name, tab.name])}
                aria-current={tab.name === wanted ? 'page' : undefined}
              >
                {tab.title}
              </a>
            ))}
          </nav>
          <Tab key={name} agent={agent} query={query} />
        </>
      )}
    </section>
  )
}
