import { count } from './amount.ts'

const size = { width: 120, height: 28, gap: 1 }

/** Bars, one for each hour, oldest first. */
export function Sparkline({ values, what }: { values: readonly number[]; what: string }): preact.JSX.Element {
  const most = Math.max(1, ...values)
  const step = size.width / Math.max(1, values.length)
  const total = values.reduce((sum, value) => sum + value, 0)
  const label = `${count(total)} ${what} in ${values.length} hours, ${count(values.at(-1) ?? 0)} in this one`
  return (
    <figure class="sparkline" title={label}>
      <svg viewBox={`0 0 ${size.width} ${size.height}`} role="img" aria-label={label} preserveAspectRatio="none">
        {values.map((value, i) => {
          const height = value === 0 ? 1 : Math.max(2, (value / most) * size.height)
          const bar = { x: i * step, y: size.height - height, width: Math.max(1, step - size.gap), height }
          return <rect key={i} {...bar} class={value === 0 ? 'none' : undefined} />
        })}
      </svg>
    </figure>
  )
}
