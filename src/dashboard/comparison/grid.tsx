import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { bytes } from '../parts/amount.ts'
import { ClassMark } from './class-mark.tsx'
import { isEqual, tickOf, type Choices, type Row, type Tick } from './ticks.ts'
import { stateWords } from './words.ts'

/** Pixels; the style sheet has the same. */
const rowHeight = 34
/** So many rows are drawn above and below those in view, for whoever scrolls fast. */
const spare = 12

interface GridProps {
  readonly label: string
  readonly rows: readonly Row[]
  readonly choices: Choices
  readonly opened: string | undefined
  onTick: (row: Row) => void
  onOpen: (row: Row) => void
}

/**
 * A hundred thousand rows as if all were there. One stop of the Tab key: the arrows, Page Up and Down, Home and End go through the
 * rows, Space ticks, Enter opens.
 */
export function Grid({ label, rows, choices, opened, onTick, onOpen }: GridProps): preact.JSX.Element {
  const ref = useRef<HTMLDivElement>(null)
  const [view, setView] = useState({ first: 0, height: 600 })
  const [active, setActive] = useState(0)
  const id = label.replaceAll(' ', '-').toLowerCase()
  useEffect(() => {
    const grid = ref.current
    if (grid === null) return
    const look = (): void => {
      const [first, height] = [Math.floor(grid.scrollTop / rowHeight), grid.clientHeight]
      setView((was) => (was.first === first && was.height === height ? was : { first, height }))
    }
    grid.addEventListener('scroll', look, { passive: true })
    const resized = new ResizeObserver(look)
    resized.observe(grid)
    look()
    return () => {
      grid.removeEventListener('scroll', look)
      resized.disconnect()
    }
  }, [])
  const perPage = Math.max(1, Math.floor(view.height / rowHeight) - 1)
  const from = Math.max(0, Math.min(view.first, rows.length - perPage) - spare)
  const to = Math.min(rows.length, view.first + perPage + 2 + spare)
  const current = Math.min(active, rows.length - 1)
  const move = (index: number): void => {
    const next = Math.max(0, Math.min(rows.length - 1, index))
    setActive(next)
    const grid = ref.current
    if (grid === null) return
    const top = next * rowHeight
    if (top < grid.scrollTop) grid.scrollTop = top
    else if (top + rowHeight > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + rowHeight - grid.clientHeight
  }
  const onKeyDown = (event: KeyboardEvent): void => {
    const to = placeFor(event.key, current, perPage, rows.length)
    const row = rows[current]
    if (event.ctrlKey || event.metaKey || event.altKey) return
    if (to !== undefined) move(to)
    else if (event.key === ' ' && row !== undefined) onTick(row)
    else if (event.key === 'Enter' && row !== undefined) onOpen(row)
    else return
    event.preventDefault()
  }
  // One listener for all rows: they come and go while somebody scrolls.
  const onClick = (event: MouseEvent): void => {
    if (!(event.target instanceof Element)) return
    const index = Number(event.target.closest<HTMLElement>('[data-index]')?.dataset['index'] ?? Number.NaN)
    const row = rows[index]
    if (row === undefined) return
    setActive(index)
    if (event.target.closest('.ticked') === null) onOpen(row)
    else if (event.target.closest('input, button') !== null) onTick(row)
  }
  return (
    <div
      ref={ref}
      class="grid"
      role="grid"
      tabIndex={0}
      aria-label={label}
      aria-rowcount={rows.length}
      aria-multiselectable="true"
      aria-activedescendant={current >= from && current < to ? `${id}-${current}` : undefined}
      onKeyDown={onKeyDown}
      onClick={onClick}
      style={{ height: `${Math.max(1, rows.length) * rowHeight + 2}px` }}
    >
      <div class="all" role="presentation" style={{ height: `${rows.length * rowHeight}px` }}>
        <div class="drawn" role="rowgroup" style={{ transform: `translateY(${from * rowHeight}px)` }}>
          {rows.slice(from, to).map((row, i) => (
            <GridRow
              // What scrolls out above is used again below.
              key={(from + i) % (perPage + 2 + 2 * spare)}
              {...{ id: `${id}-${from + i}`, index: from + i, row, tick: tickOf(row, choices) }}
              isActive={from + i === current}
              isOpened={row.path === opened}
            />
          ))}
        </div>
      </div>
    </div>
  )
}

function placeFor(key: string, current: number, perPage: number, length: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return current + 1
    case 'ArrowUp':
      return current - 1
    case 'PageDown':
      return current + perPage
    case 'PageUp':
      return current - perPage
    case 'Home':
      return 0
    case 'End':
      return length - 1
    default:
      return undefined
  }
}

interface RowProps {
  readonly id: string
  readonly index: number
  readonly row: Row
  readonly tick: Tick
  readonly isActive: boolean
  readonly isOpened: boolean
}

function GridRow({ id, index, row, tick, isActive, isOpened }: RowProps): preact.JSX.Element {
  const cut = row.path.lastIndexOf('/') + 1
  const marks = [isActive && 'active', isOpened && 'opened'].filter(Boolean).join(' ')
  // The same as before is not even compared.
  return useMemo(
    () => (
      <div
        id={id}
        class={`row ${marks}`}
        role="row"
        aria-rowindex={index + 1}
        aria-selected={tick !== false}
        data-index={index}
        data-path={row.path}
      >
        <span role="gridcell" class="ticked">
          <TickBox row={row} tick={tick} />
        </span>
        <span role="gridcell" class="where" title={row.path}>
          {row.breaks && (
            <b class="breaks" title="It breaks callers">
              ⚠<span class="unseen"> breaks callers</span>
            </b>
          )}
          <span class="folder">{row.path.slice(0, cut)}</span>
          <span class="name">{row.path.slice(cut) || '(the root)'}</span>
          {row.isFolder && <small> (folder)</small>}
        </span>
        <span role="gridcell" class="class">
          <ClassMark of={row.class} />
        </span>
        <span role="gridcell" class="about">
          {row.parts > 0 ? `${row.parts} ${row.parts === 1 ? 'part' : 'parts'}` : stateWords[row.state]}
        </span>
        <span role="gridcell" class="size">
          {row.size === undefined ? '' : bytes(row.size)}
        </span>
      </div>
    ),
    [id, row, tick, marks],
  )
}

function TickBox({ row, tick }: Pick<RowProps, 'row' | 'tick'>): preact.JSX.Element {
  if (row.class === 'conflict' && typeof tick !== 'object')
    return (
      <button
        type="button"
        tabIndex={-1}
        class="resolve"
        aria-label={`${tick === false ? 'decide' : String(tick)}: who wins of ${row.path}`}
        title="Undecided, source, or target"
      >
        {tick === false ? 'decide' : tick}
      </button>
    )
  const isPartly = typeof tick === 'object' && tick.size > 0
  return (
    <input
      type="checkbox"
      tabIndex={-1}
      aria-label={row.path}
      title={isEqual(row) ? 'Equal: nothing is written' : isPartly ? 'Some of its parts' : undefined}
      checked={tick === true}
      indeterminate={isPartly}
      disabled={isEqual(row)}
    />
  )
}
