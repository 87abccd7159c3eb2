import { at, get, withQuery } from '../data/api.ts'
import { useLoaded } from '../data/loaded.ts'
import { bytes, count } from '../parts/amount.ts'
import { Failure } from '../parts/failure.tsx'
import { ClassMark } from './class-mark.tsx'
import { isEqual, partsTaken, tickOf, type Choices, type Row, type Tick } from './ticks.ts'
import type { ChangedPart, ComparedDetail, Side } from './views.ts'
import { classWords, stateWords } from './words.ts'

interface DetailProps {
  readonly comparison: string
  readonly row: Row
  readonly choices: Choices
  onTick: (row: Row, tick: Tick) => void
}

/** One resource: how it stands on both sides, and what is to become of each part. */
export function Detail({ comparison, row, choices, onTick }: DetailProps): preact.JSX.Element {
  const { value, problem, reload } = useLoaded<ComparedDetail>(`${comparison} ${row.path}`, (signal) =>
    get(withQuery(`/comparisons${at(comparison)}/resource`, { path: row.path }), signal),
  )
  return (
    <div class="detail" data-path={row.path}>
      <p>
        <ClassMark of={row.class} /> · {stateWords[row.state]} · {classWords[row.class][2]}
      </p>
      {row.class === 'conflict' && <Resolve {...{ row, tick: tickOf(row, choices), onTick }} />}
      {row.class !== 'conflict' && !isEqual(row) && (
        <label class="tick">
          <input
            type="checkbox"
            checked={tickOf(row, choices) === true}
            indeterminate={typeof tickOf(row, choices) === 'object'}
            onChange={(event) => onTick(row, event.currentTarget.checked)}
          />
          {verbFor(row)}
        </label>
      )}
      {problem && <Failure error={problem} retry={reload} />}
      {value === undefined && !problem && <p class="starting">Reading…</p>}
      {value && <Sides of={value} />}
      {value?.breaking && <Breaking reasons={value.breaking} />}
      {value?.changes && <Parts {...{ row, changes: value.changes, choices, onTick }} />}
      {value?.diff && <Difference of={value} />}
    </div>
  )
}

function verbFor({ state, class: cls }: Row): string {
  if (state === 'deleted') return 'Delete it at the target'
  if (state === 'added') return 'Create it at the target'
  return cls === 'merge' ? 'Take the source’s changes' : 'Overwrite it at the target'
}

function Resolve({ row, tick, onTick }: { row: Row; tick: Tick } & Pick<DetailProps, 'onTick'>): preact.JSX.Element {
  const sides = [
    ['source', row.state === 'deleted' ? 'The source wins: it is deleted at the target' : 'The source wins'],
    ['target', 'The target wins: it stays as it is there'],
    [false, 'Undecided: it is left alone'],
  ] as const
  return (
    <fieldset class="sides">
      <legend>Which side wins</legend>
      {sides.map(([side, words]) => (
        <label key={String(side)} class="tick">
          <input type="radio" name="resolve" checked={tick === side} onChange={() => onTick(row, side)} />
          {words}
        </label>
      ))}
    </fieldset>
  )
}

function Sides({ of: { source, target, base, format } }: { of: ComparedDetail }): preact.JSX.Element {
  return (
    <table class="sides">
      <thead>
        <tr>
          <th scope="col">{format ?? 'side'}</th>
          <th scope="col">size</th>
          <th scope="col">SHA-256</th>
        </tr>
      </thead>
      <tbody>
        <SideRow name="source" side={source} />
        <SideRow name="target" side={target} />
        {base !== undefined && <SideRow name="in common" side={base ?? undefined} />}
      </tbody>
    </table>
  )
}

function SideRow({ name, side }: { name: string; side: Side | undefined }): preact.JSX.Element {
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>
        {side === undefined ? 'absent' : side.folder ? 'folder' : side.size === undefined ? '' : bytes(side.size)}
      </td>
      <td>
        <code title={side?.digest}>{side?.digest?.replace('sha256-', '').slice(0, 12)}</code>
      </td>
    </tr>
  )
}

function Breaking({ reasons }: { reasons: readonly string[] }): preact.JSX.Element {
  return (
    <div class="breaking">
      <b>⚠ breaks callers</b>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </div>
  )
}

function Parts(props: { changes: readonly ChangedPart[] } & Omit<DetailProps, 'comparison'>): preact.JSX.Element {
  const { row, changes, choices, onTick } = props
  const taken = partsTaken(row, changes, choices)
  const choose = (part: string, isTaken: boolean): void => {
    const next = new Set(taken)
    if (isTaken) next.add(part)
    else next.delete(part)
    onTick(row, next.size === 0 ? false : next)
  }
  return (
    <section class="parts">
      <h3>{changes.length === 1 ? 'One part differs' : `${count(changes.length)} parts differ`}</h3>
      <ul>
        {changes.map((change) => (
          <li key={change.part}>
            <label class="tick">
              <input
                type="checkbox"
                disabled={row.state !== 'existing'}
                checked={taken.has(change.part)}
                onChange={(event) => choose(change.part, event.currentTarget.checked)}
              />
              <code>{change.part || '(the whole)'}</code> <ClassMark of={change.class} />
            </label>
            {change.breaking && <Breaking reasons={change.breaking} />}
            <div class="beside">
              <Value name="source" of={change} />
              <Value name="target" of={change} />
              {'base' in change && <Value name="base" of={change} />}
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

const absent = {
  source: ['target-only', 'deleted-at-source'],
  target: ['new-at-source', 'removed-at-target'],
  base: [],
}

/** What is long is left out by the server, what is absent too: the class tells them apart, but for conflicts. */
function Value({ name, of }: { name: 'source' | 'target' | 'base'; of: ChangedPart }): preact.JSX.Element {
  const isGone = (absent[name] as readonly string[]).includes(of.class)
  const isPresent = ['fast-forward', 'customised', 'merge'].includes(of.class)
  return (
    <figure>
      <figcaption>{name === 'base' ? 'in common' : name}</figcaption>
      {name in of ? (
        <pre>{JSON.stringify(of[name], null, 2)}</pre>
      ) : (
        <p class="none">{isGone ? 'absent' : isPresent ? 'too long to show' : 'absent, or too long to show'}</p>
      )}
    </figure>
  )
}

function Difference({ of: { diff = '', diffLeftOut } }: { of: ComparedDetail }): preact.JSX.Element {
  const lines = diff.replace(/\n$/, '').split('\n')
  return (
    <section>
      <h3>Text, from target to source</h3>
      <pre class="diff" tabIndex={0} aria-label="Difference of the texts: − is at the target, + at the source">
        {lines.map((line, i) => (
          <span
            key={i}
            class={line.startsWith('+') ? 'plus' : line.startsWith('-') ? 'minus' : line.startsWith('@') ? 'at' : ''}
          >
            {line + '\n'}
          </span>
        ))}
      </pre>
      {diffLeftOut !== undefined && <small>{count(diffLeftOut)} more lines are not shown.</small>}
    </section>
  )
}
