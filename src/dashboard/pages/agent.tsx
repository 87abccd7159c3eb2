import type { PageProps } from '../shell.tsx'

export function AgentPage({ rest }: PageProps): preact.JSX.Element {
  return <h1>{rest[0]}</h1>
}
