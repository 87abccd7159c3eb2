import { counted } from './amount.ts'

const shown = 3

/** Some of many paths, and how many others there are. */
export function Paths({ of, total = of.length }: { of: readonly string[]; total?: number }): preact.JSX.Element {
  const rest = total - Math.min(shown, of.length)
  return (
    <span class="path">
      {of.slice(0, shown).map((path, i) => (
        <span key={path}>
          {i > 0 && ', '}
          <code>{path}</code>
        </span>
      ))}
      {rest > 0 && <small> and {counted(rest, 'other')}</small>}
    </span>
  )
}
