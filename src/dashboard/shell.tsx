import { useEffect, useRef, useState } from 'preact/hooks'
import type { ComponentType } from 'preact'
import { get } from './data/api.ts'
import { connection } from './data/live.ts'
import { agentCounts } from './data/agents.ts'
import { isSignedOut } from './data/door.ts'
import { actor, readSession, signOut } from './data/session.ts'
import type { Server } from './data/views.ts'
import { Failure } from './parts/failure.tsx'
import { attempt, Notices } from './parts/notices.tsx'
import { Until } from './parts/time.tsx'
import type { PageProps } from './pages/page.ts'
import { SignIn } from './sign-in.tsx'
import { linkTo, place } from './router.ts'

type Page = ComponentType<PageProps>

/** Loaded when they are first opened. */
const pages: Readonly<Record<string, () => Promise<Page>>> = {
  '': async () => (await import('./pages/overview.tsx')).Overview,
  agents: async () => (await import('./pages/agent.tsx')).AgentPage,
  new: async () => (await import('./pages/new-agent.tsx')).NewAgent,
  commands: async () => (await import('./pages/commands.tsx')).CommandsPage,
  comparisons: async () => (await import('./pages/comparisons.tsx')).ComparisonsPage,
  where: async () => (await import('./pages/where.tsx')).Where,
}

const places = [
  { name: '', title: 'Agents' },
  { name: 'commands', title: 'Commands' },
  { name: 'comparisons', title: 'Compare' },
  { name: 'where', title: 'Where is my page?' },
] as const

export function Shell(): preact.JSX.Element {
  const server = useServer()
  const { segments, query } = place.value
  const [name = '', ...rest] = segments
  const own = name === 'agents' || name === 'new' ? '' : name
  useEffect(() => {
    const where = places.find((one) => one.name === own)?.title ?? 'Trebuchet'
    document.title = [rest[0] ?? where, server?.environment?.name ?? 'Trebuchet'].join(' · ')
  }, [name, rest[0], server])
  return (
    <>
      <a class="skip" href="#content" onClick={toContent}>
        To the content
      </a>
      <header class="top">
        <Environment server={server} />
        <a class="brand" href={linkTo([])}>
          Trebuchet
        </a>
        <nav aria-label="Pages">
          {places.map((one) => (
            <a
              key={one.name}
              href={linkTo(one.name ? [one.name] : [])}
              aria-current={own === one.name ? 'page' : undefined}
            >
              {one.title}
              {one.name === '' && <Alarm />}
            </a>
          ))}
        </nav>
        <Liveness />
        <Who />
      </header>
      <main id="content" tabIndex={-1}>
        {isSignedOut.value ? <SignIn /> : <Opened name={name} rest={rest} query={query} />}
      </main>
      <Notices />
      <footer>
        {server && <>Trebuchet {server.version} · </>}
        <a href="/openapi.json">API</a> · <a href="/metrics">Metrics</a>
      </footer>
    </>
  )
}

function toContent(event: MouseEvent): void {
  // The hash is where the page is, so that a plain link cannot be used.
  event.preventDefault()
  document.getElementById('content')?.focus()
}

function useServer(): Server | undefined {
  const [server, setServer] = useState<Server>()
  useEffect(() => {
    void get<Server>('/server').then((found) => {
      const { environment } = found
      if (environment) document.documentElement.style.setProperty('--environment', environment.colour)
      setServer(found)
    }, noServer)
  }, [])
  return server
}

/** That it does not answer is said elsewhere. */
function noServer(): void {}

function Environment({ server }: { server: Server | undefined }): preact.JSX.Element | null {
  const environment = server?.environment
  if (environment === undefined) return null
  return (
    <strong class="environment" title="The environment that this server belongs to">
      {environment.name}
    </strong>
  )
}

/** How many agents need somebody, on every page. */
function Alarm(): preact.JSX.Element | null {
  const counts = agentCounts.value
  const urgent = (counts.get('blocked') ?? 0) + (counts.get('failed') ?? 0)
  if (urgent === 0) return null
  return (
    <span class="alarm" title={`${urgent} blocked or failed`}>
      {urgent}
      <span class="unseen"> blocked or failed</span>
    </span>
  )
}

/** Nothing where the server asks nobody. */
function Who(): preact.JSX.Element | null {
  useEffect(() => void readSession().catch(noServer), [])
  if (actor.value === undefined || actor.value === 'anonymous' || isSignedOut.value) return null
  return (
    <p class="who-looks">
      {actor.value}{' '}
      <button type="button" onClick={() => void attempt('You are signed out.', signOut)}>
        Sign out
      </button>
    </p>
  )
}

function Liveness(): preact.JSX.Element {
  const now = connection.value
  return (
    <p class={`liveness ${now.state}`} role="status">
      {now.state === 'live' && 'Live'}
      {now.state === 'connecting' && 'Connecting…'}
      {now.state === 'lost' && (
        <>
          Not live: what is shown may be old. Next try <Until at={new Date(now.nextAt).toISOString()} />
        </>
      )}
    </p>
  )
}

function Opened({ name, rest, query }: PageProps & { name: string }): preact.JSX.Element {
  const [opened, setOpened] = useState<{ name: string; Page?: Page; error?: unknown }>()
  const first = useRef(true)
  useEffect(() => {
    let isWanted = true
    const load = pages[name]
    void load?.().then(
      (Page) => isWanted && setOpened({ name, Page }),
      (error: unknown) => isWanted && setOpened({ name, error }),
    )
    return () => {
      isWanted = false
    }
  }, [name])
  useEffect(() => {
    // Whoever follows a link by keyboard goes on behind it, not at the top of the page.
    if (!first.current) document.getElementById('content')?.focus({ preventScroll: true })
    first.current = false
    scrollTo(0, 0)
  }, [name, rest[0]])
  if (!(name in pages))
    return (
      <section>
        <h1>There is nothing here</h1>
        <p>
          <a href={linkTo([])}>To the agents</a>
        </p>
      </section>
    )
  if (opened?.name !== name) return <p class="starting">…</p>
  const { Page, error } = opened
  return Page ? <Page rest={rest} query={query} /> : <Failure error={error} />
}
