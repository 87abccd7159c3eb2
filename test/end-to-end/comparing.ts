/** What callers do with comparisons, and what they must get. */
import assert from 'node:assert/strict'
import type { Answer, Client } from './client.ts'
import type { Command } from './views.ts'

export interface Row {
  readonly path: string
  readonly state: 'existing' | 'added' | 'deleted'
  readonly class: string
  readonly changed?: boolean
  readonly selected: boolean
}

export interface Comparison {
  readonly id: string
  readonly counts: Readonly<Record<'added' | 'existing' | 'changed' | 'deleted' | 'conflicts', number>>
  readonly recreate: readonly Row[]
  readonly differences: readonly Row[]
}

export interface Comparing {
  post(path: string, json?: object, headers?: Record<string, string>): Promise<Answer<unknown>>
  /** It must succeed. */
  compare(agent: string): Promise<Comparison>
  /** It must be accepted, and must succeed. */
  apply(comparison: Comparison, selection: object): Promise<Command>
}

export function comparing(client: Client): Comparing {
  const post: Comparing['post'] = (path, json, headers = {}) =>
    client.post(path, { headers, ...(json !== undefined && { json }) })
  return {
    post,
    compare: async (agent) => {
      const { status, body } = await post(`/agent/${agent}/compare`, {})
      assert.equal(status, 201, JSON.stringify(body))
      return body as Comparison
    },
    apply: async ({ id }, selection) => {
      const { status, body } = await post(`/comparisons/${id}/apply`, selection, { prefer: 'wait=30' })
      assert.equal(status, 200, JSON.stringify(body))
      const command = body as Command
      assert.equal(command.state, 'succeeded', JSON.stringify(command))
      return command
    },
  }
}
