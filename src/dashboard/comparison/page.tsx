import { useEffect, useMemo, useState } from 'preact/hooks'
import { at, get } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { count } from '../parts/amount.ts'
import { Dialog } from '../parts/dialog.tsx'
import { Failure } from '../parts/failure.tsx'
import { attempt } from '../parts/notices.tsx'
import { Ago } from '../parts/time.tsx'
import { go, linkTo } from '../router.ts'
import { Apply } from './apply.tsx'
import { compareAgain } from './compare.ts'
import { Detail } from './detail.tsx'
import { Conflicts, filterIn, Filters, Legend, Presets, useFiltered } from './filters.tsx'
import { PlanBar, usePlan } from './plan.tsx'
import { useRows } from './rows.ts'
import { Section } from './section.tsx'
import type { Choices, Row, Tick } from './ticks.ts'
import type { Comparison } from './views.ts'

export function ComparisonPage({ id, query }: { id: string; query: URLSearchParams }): preact.JSX.Element {
  const { value, problem, reload } = useLoaded<Comparison>(id, (signal) => get(`/comparisons${at(id)}`, signal))
  // What was read once stays: a comparison does not change, and nobody's ticks are lost to a line that breaks.
  const [kept, setKept] = useState<Comparison>()
  useEffect(() => {
    if (value !== undefined) setKept((was) => (was?.id === value.id ? was : value))
  }, [value])
  const comparison = kept?.id === id ? kept : undefined
  return (
    <section class="comparison" data-ready={comparison !== undefined}>
      {problem?.status === 404 ? (
        <>
          <h1>This comparison is gone</h1>
          <p>
            {problem.message}. Comparisons are kept as long as the history of their agent.{' '}
            <a href={linkTo(['comparisons'])}>Compare anew</a>
          </p>
        </>
      ) : (
        problem && <Failure error={problem} retry={reload} />
      )}
      {comparison ? (
        <Choosing key={id} comparison={comparison} query={query} />
      ) : (
        !problem && <p class="starting">Reading…</p>
      )}
    </section>
  )
}

function Choosing(props: { comparison: Comparison; query: URLSearchParams }): preact.JSX.Element {
  const { comparison, query } = props
  const [choices, setChoices] = useState<Choices>({ preset: 'defaults', overwrite: false, ticks: new Map() })
  const [opened, setOpened] = useState<Row>()
  const [isApplying, setApplying] = useState(false)
  const { counts } = comparison
  const differing = counts.added + counts.changed + counts.deleted
  const filter = filterIn(query)
  const rows = useRows(comparison, filter.withEqual)
  const { coming } = rows
  const [recreate, differences] = [useFiltered(rows.recreate, filter), useFiltered(rows.differences, filter)]
  const shown = useMemo(() => [...recreate, ...differences], [recreate, differences])
  const planned = usePlan(comparison.id, rows.byPath, choices)
  const isWide = useWide()
  const tick = (row: Row, tick: Tick): void => {
    choices.ticks.set(row.path, tick)
    setChoices({ ...choices })
  }
  const detail = opened && <Detail {...{ comparison: comparison.id, row: opened, choices, onTick: tick }} />
  const section = {
    ...{ choices, opened: opened?.path, onChoices: setChoices, onOpen: setOpened },
    isComplete: coming === undefined && rows.problem === undefined,
  }
  return (
    <>
      <Headline of={comparison} />
      {differing === 0 ? (
        <p class="equal">
          <b>= Both sides are equal.</b> There is nothing to apply.
        </p>
      ) : (
        <Presets choices={choices} onChoices={setChoices} />
      )}
      <Filters filter={filter} counts={counts} rows={rows.byPath} />
      {coming && (
        <p role="status">
          Reading rows: {count(coming.found)} of {count(coming.of)}…{' '}
          <progress value={coming.found} max={coming.of} aria-label="Rows read" />
        </p>
      )}
      {rows.problem && <Failure error={rows.problem} retry={rows.retry} />}
      <Conflicts rows={shown} choices={choices} onChoices={setChoices} />
      <div class={isWide && detail ? 'sections with-detail' : 'sections'}>
        <div>
          <Section
            {...section}
            title="Recreate resources"
            what="what the source has"
            rows={recreate}
            of={counts.added + counts.existing}
          />
          <Section
            {...section}
            title="Resource differences"
            what="what only the target has"
            rows={differences}
            of={counts.deleted}
          />
        </div>
        {isWide && opened && (
          <aside aria-label={`Details of ${opened.path}`} tabIndex={-1}>
            <header>
              <h2 class="path">{opened.path}</h2>
              <button type="button" class="quiet" aria-label="Close the details" onClick={() => setOpened(undefined)}>
                ✕
              </button>
            </header>
            {detail}
          </aside>
        )}
      </div>
      <Legend />
      {differing > 0 && (
        <PlanBar planned={planned} isWaiting={coming !== undefined} onApply={() => setApplying(true)} />
      )}
      {!isWide && opened && (
        <Dialog title={opened.path} onClose={() => setOpened(undefined)} wide>
          {detail}
          <p class="verbs">
            <button type="button" onClick={() => setOpened(undefined)}>
              Close
            </button>
          </p>
        </Dialog>
      )}
      {isApplying && planned.plan && planned.selection && (
        <Apply
          {...{ comparison, plan: planned.plan, selection: planned.selection }}
          onClose={() => setApplying(false)}
        />
      )}
    </>
  )
}

function Headline({ of }: { of: Comparison }): preact.JSX.Element {
  const { agent, target, paths, createdAt, actor, sourceDigest, targetDigest, counts, held, offered, notes } = of
  const short = (digest: string): string => digest.replace('sha256-', '').slice(0, 12)
  return (
    <>
      <header class="headline">
        <h1>
          <a href={linkTo(['agents', agent])}>{agent}</a> → {target}
        </h1>
        <span class="verbs">
          <button
            type="button"
            onClick={() =>
              void attempt('Compared again.', async () => go(linkTo(['comparisons', await compareAgain(of)])))
            }
          >
            Compare again
          </button>
        </span>
      </header>
      <p class="about">
        Compared <Ago at={createdAt} /> by {actor}, at <code>{paths.slice(0, 5).join(', ')}</code>
        {paths.length > 5 && ` and ${count(paths.length - 5)} more paths`}
        {of.verified && '; all content was read'}. The source has {count(offered)} (
        <code title={sourceDigest}>{short(sourceDigest)}</code>), the target {count(held)} (
        <code title={targetDigest}>{short(targetDigest)}</code>).
      </p>
      {of.reverts !== undefined && (
        <p class="about">
          <b>⤺ It takes back</b> <a href={linkTo(['commands', of.reverts])}>command {of.reverts}</a>: the source is what
          that command replaced.
        </p>
      )}
      <dl class="counts">
        {(
          [
            ['differ', counts.changed],
            ['newly added', counts.added],
            ['only at the target', counts.deleted],
            [counts.conflicts === 1 ? 'conflict' : 'conflicts', counts.conflicts],
            ['equal', counts.existing - counts.changed],
          ] as const
        ).map(([name, value]) => (
          <div key={name}>
            <dd>{count(value)}</dd>
            <dt>{name}</dt>
          </div>
        ))}
      </dl>
      {notes && notes.length > 0 && (
        <div class="passed-over">
          <p>
            <b>! Passed over:</b>
          </p>
          <ul>
            {notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </div>
      )}
    </>
  )
}

/** Whether details have room beside the lists. */
function useWide(): boolean {
  const [wide] = useState(() => matchMedia('(width >= 70rem)'))
  const [isWide, setWide] = useState(wide.matches)
  useEffect(() => {
    const look = (): void => setWide(wide.matches)
    wide.addEventListener('change', look)
    return () => wide.removeEventListener('change', look)
  }, [wide])
  return isWide
}
