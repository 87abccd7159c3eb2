import { ComparisonPage } from '../comparison/page.tsx'
import { Start } from '../comparison/start.tsx'
import type { PageProps } from './page.ts'

/** Looking before anything is copied, and applying what was chosen. */
export function ComparisonsPage({ rest: [id], query }: PageProps): preact.JSX.Element {
  return id === undefined ? <Start query={query} /> : <ComparisonPage id={id} query={query} />
}
