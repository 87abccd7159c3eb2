import { useMemo } from 'preact/hooks'
import { count } from '../parts/amount.ts'
import { notify } from '../parts/notices.tsx'
import { Grid } from './grid.tsx'
import { isEqual, nextTick, tickAll, tickOf, type Choices, type Row } from './ticks.ts'

interface SectionProps {
  readonly title: string
  readonly what: string
  /** Those that the filters let through, and how many there are without them. */
  readonly rows: readonly Row[]
  readonly of: number
  /** They are all there, so that all of them can be ticked. */
  readonly isComplete: boolean
  readonly choices: Choices
  readonly opened: string | undefined
  onChoices: (choices: Choices) => void
  onOpen: (row: Row) => void
}

export function Section(props: SectionProps): preact.JSX.Element {
  const { title, what, rows, of, isComplete, choices, opened, onChoices, onOpen } = props
  const [ticked, tickable] = useMemo(() => {
    let [many, all] = [0, 0]
    for (const row of rows) {
      if (isEqual(row)) continue
      all++
      if (tickOf(row, choices) !== false) many++
    }
    return [many, all]
  }, [rows, choices])
  const all = (tick: boolean): void => {
    const left = tickAll(rows, tick, choices)
    if (left > 0) notify(`${count(left)} conflicts are left as they are: say which side wins.`)
    onChoices({ ...choices })
  }
  const id = title.replaceAll(' ', '-').toLowerCase()
  return (
    <section class="compared" aria-labelledby={`${id}-title`}>
      <header>
        <h2 id={`${id}-title`}>{title}</h2>
        <small>{what}</small>
        <span class="ticks" data-ticked={ticked}>
          {count(ticked)} of {count(tickable)} {tickable === 1 ? 'difference' : 'differences'} ticked
        </span>
        <span class="verbs">
          <button
            type="button"
            disabled={!isComplete || tickable === 0}
            aria-label={`Tick all of ${title}`}
            title={isComplete ? 'All that the filters let through' : 'Rows are still coming'}
            onClick={() => all(true)}
          >
            Tick all
          </button>
          <button
            type="button"
            disabled={!isComplete || tickable === 0}
            aria-label={`Tick none of ${title}`}
            title={isComplete ? 'None that the filters let through' : 'Rows are still coming'}
            onClick={() => all(false)}
          >
            Tick none
          </button>
        </span>
      </header>
      {rows.length === 0 ? (
        <p class="empty">{of === 0 ? 'Nothing.' : `None of ${count(of)} fits the filters.`}</p>
      ) : (
        <Grid
          {...{ label: title, rows, choices, opened, onOpen }}
          onTick={(row) => {
            if (isEqual(row)) return
            choices.ticks.set(row.path, nextTick(row, choices))
            onChoices({ ...choices })
          }}
        />
      )}
    </section>
  )
}
