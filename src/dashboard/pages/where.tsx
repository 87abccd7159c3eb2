import { useState } from 'preact/hooks'
import { useListed } from '../data/listed.ts'
import { bytes } from '../parts/amount.ts'
import { More } from '../parts/more.tsx'
import { State } from '../parts/state.tsx'
import { Rows } from '../parts/rows.tsx'
import { Ago, Clock } from '../parts/time.tsx'
import { go, linkTo } from '../router.ts'
import type { PageProps } from './page.ts'

interface Place {
  readonly agent: string
  readonly target: string
  readonly state: 'present' | 'absent' | 'unknown'
  readonly digest?: string
  readonly size?: number
  readonly since?: string
  readonly command?: string
}

/** A path, and on which targets it is, in which version, since when, by which command. */
export function Where({ query }: PageProps): preact.JSX.Element {
  const path = query.get('path') ?? ''
  const [typed, setTyped] = useState(path)
  return (
    <section>
      <header class="headline">
        <h1>Where is my page?</h1>
      </header>
      <form
        class="filters where"
        onSubmit={(event) => {
          event.preventDefault()
          go(linkTo(['where'], { path: typed.trim() }))
        }}
      >
        <label>
          Path of the resource
          <input
            value={typed}
            placeholder="/content/news/today.html"
            required
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <button type="submit" class="primary">
          Look
        </button>
      </form>
      {path !== '' && <Places key={path} path={path} />}
    </section>
  )
}

function Places({ path }: { path: string }): preact.JSX.Element {
  const places = useListed<Place>(
    '/where',
    { path },
    ({ type }) => type === 'delivery.delivered' || type === 'comparison.created',
  )
  const versions = [...new Set(places.items.flatMap(({ digest }) => digest ?? []))]
  return (
    <div class="sheet" aria-live="polite">
      <p>
        <code>{path}</code>
        {versions.length > 1 && ` exists in ${versions.length} versions:`}
      </p>
      {places.items.length > 0 && (
        <Rows caption={`Targets of ${path}`} heads={['State', 'Target', 'Version', 'Since', 'By']}>
          {places.items.map((one) => (
            <tr key={`${one.agent} ${one.target}`}>
              <td data-label="State">
                <State of={one.state} />
              </td>
              <td data-label="Target">
                <a href={linkTo(['agents', one.agent])}>{one.agent}</a> → {one.target}
              </td>
              <td data-label="Version">
                {one.digest && (
                  <>
                    {versions.length > 1 && <b>{letter(versions.indexOf(one.digest))} </b>}
                    <code title={one.digest}>{one.digest.replace(/^sha256-/, '').slice(0, 12)}</code>
                    {one.size !== undefined && <small> {bytes(one.size)}</small>}
                  </>
                )}
              </td>
              <td data-label="Since">
                {one.since && (
                  <>
                    <Clock at={one.since} /> (<Ago at={one.since} />)
                  </>
                )}
              </td>
              <td data-label="By">{one.command && <a href={linkTo(['commands', one.command])}>command</a>}</td>
            </tr>
          ))}
        </Rows>
      )}
      <More of={places} none="No agent delivers this path, as far as their roots say." />
      <p class="hint">
        As the targets' last receipts and comparisons say; what somebody changed there since is seen by comparing.
      </p>
    </div>
  )
}

/** Versions are told apart by letters: A, B, C … */
function letter(i: number): string {
  return i < 26 ? String.fromCodePoint(65 + i) : String(i + 1)
}
