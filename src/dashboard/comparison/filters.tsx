import { useMemo } from 'preact/hooks'
import { count } from '../parts/amount.ts'
import { requery } from '../router.ts'
import { tickOf, type Choices, type Row } from './ticks.ts'
import type { Class, Summary } from './views.ts'
import { classWords, presetWords, stateWords } from './words.ts'
import { presets } from './views.ts'

export interface Filter {
  readonly text: string
  readonly class: string
  readonly state: string
  readonly withEqual: boolean
}

export function filterIn(query: URLSearchParams): Filter {
  const one = (name: string): string => query.get(name) ?? ''
  return { text: one('text'), class: one('class'), state: one('state'), withEqual: one('equal') !== '' }
}

export function useFiltered(rows: readonly Row[], { text, class: cls, state }: Filter): readonly Row[] {
  return useMemo(() => {
    const wanted = text.toLowerCase()
    if (wanted === '' && cls === '' && state === '') return rows
    return rows.filter(
      (row) =>
        (cls === '' || row.class === cls) &&
        (state === '' || row.state === state) &&
        (wanted === '' || row.path.toLowerCase().includes(wanted)),
    )
  }, [rows, text, cls, state])
}

export function Filters(props: {
  filter: Filter
  counts: Summary['counts']
  rows: ReadonlyMap<string, Row>
}): preact.JSX.Element {
  const { filter, counts, rows } = props
  const found = useMemo(() => {
    const many = new Map<Class, number>()
    for (const row of rows.values()) many.set(row.class, (many.get(row.class) ?? 0) + 1)
    return many
  }, [rows])
  const equal = counts.existing - counts.changed
  return (
    <form class="filters" onSubmit={(event) => event.preventDefault()}>
      <input
        type="search"
        aria-label="Find paths"
        placeholder="Part of a path"
        value={filter.text}
        onInput={(event) => requery({ text: event.currentTarget.value })}
      />
      <select
        aria-label="State"
        value={filter.state}
        onChange={(event) => requery({ state: event.currentTarget.value })}
      >
        <option value="">every state</option>
        {Object.entries(stateWords).map(([state, words]) => (
          <option key={state} value={state}>
            {words}
          </option>
        ))}
      </select>
      <select
        aria-label="Class"
        value={filter.class}
        onChange={(event) => requery({ class: event.currentTarget.value })}
      >
        <option value="">every class</option>
        {[...found].map(([cls, many]) => (
          <option key={cls} value={cls}>
            {cls} ({count(many)})
          </option>
        ))}
      </select>
      {equal > 0 && (
        <label class="tick">
          <input
            type="checkbox"
            checked={filter.withEqual}
            onChange={(event) => requery({ equal: event.currentTarget.checked ? 'shown' : '' })}
          />
          Show {count(equal)} that are equal
        </label>
      )}
    </form>
  )
}

export function Presets(props: { choices: Choices; onChoices: (choices: Choices) => void }): preact.JSX.Element {
  const { choices, onChoices } = props
  const many = choices.ticks.size
  return (
    <div class="filters">
      <fieldset class="chips">
        <legend class="unseen">Preset</legend>
        {presets.map((preset) => (
          <button
            key={preset}
            type="button"
            title={presetWords[preset]}
            aria-pressed={choices.preset === preset}
            onClick={() => onChoices({ ...choices, preset, ticks: new Map() })}
          >
            {preset}
          </button>
        ))}
      </fieldset>
      <small>
        {presetWords[choices.preset]} {many > 0 && `${count(many)} set by hand.`}
      </small>
      <label class="tick" title="Also what the target has customised, and without merging">
        <input
          type="checkbox"
          checked={choices.overwrite}
          onChange={(event) => onChoices({ ...choices, overwrite: event.currentTarget.checked })}
        />
        Copy what is ticked whole (overwrite)
      </label>
    </div>
  )
}

/** Ends all conflicts that are shown at once. */
export function Conflicts(props: {
  rows: readonly Row[]
  choices: Choices
  onChoices: (choices: Choices) => void
}): preact.JSX.Element | null {
  const { rows, choices, onChoices } = props
  const conflicts = useMemo(() => rows.filter((row) => row.class === 'conflict'), [rows])
  const open = useMemo(() => conflicts.filter((row) => tickOf(row, choices) === false).length, [conflicts, choices])
  if (conflicts.length === 0) return null
  const resolve = (side: 'source' | 'target' | false): void => {
    for (const { path } of conflicts) choices.ticks.set(path, side)
    onChoices({ ...choices })
  }
  return (
    <div class="conflicts" role="group" aria-label="Conflicts">
      <p>
        <b>
          {count(open)} of {count(conflicts.length)} shown {conflicts.length === 1 ? 'conflict' : 'conflicts'}{' '}
          undecided.
        </b>{' '}
        What is undecided is left alone.
      </p>
      <span class="verbs">
        <button type="button" onClick={() => resolve('source')}>
          The source wins
        </button>
        <button type="button" onClick={() => resolve('target')}>
          The target wins
        </button>
        <button type="button" onClick={() => resolve(false)}>
          Decide later
        </button>
      </span>
    </div>
  )
}

export function Legend(): preact.JSX.Element {
  return (
    <details class="legend">
      <summary>What the classes mean, and the keys</summary>
      <dl>
        {Object.entries(classWords).map(([cls, [sign, tone, words]]) => (
          <div key={cls}>
            <dt class={`state ${tone}`}>
              <span aria-hidden="true">{sign}</span> {cls}
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
      <p>
        In a list: <kbd>↑</kbd> <kbd>↓</kbd> <kbd>Page Up</kbd> <kbd>Page Down</kbd> <kbd>Home</kbd> <kbd>End</kbd>{' '}
        move, <kbd>Space</kbd> ticks (a conflict goes from undecided to source to target), <kbd>Enter</kbd> shows what
        differs.
      </p>
    </details>
  )
}
