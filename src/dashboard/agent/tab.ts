import type { Agent } from '../data/views.ts'

/** What each part of an agent's page gets. */
export interface TabProps {
  readonly agent: Agent
  readonly query: URLSearchParams
}
