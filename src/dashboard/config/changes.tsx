import { isObject } from './schema.ts'
import type { ConfigChange } from './verdict.ts'

/** What differs, by field. */
export function Changes(props: { of: readonly ConfigChange[]; before?: string; after?: string }): preact.JSX.Element {
  const { of, before = 'Before', after = 'After' } = props
  if (of.length === 0) return <p class="unset">No difference.</p>
  return (
    <table class="changes">
      <thead>
        <tr>
          <th scope="col">Where</th>
          <th scope="col">{before}</th>
          <th scope="col">{after}</th>
        </tr>
      </thead>
      <tbody>
        {of.map((change) => (
          <tr key={change.pointer} data-pointer={change.pointer}>
            <th scope="row">
              <code>{change.pointer || 'the whole config'}</code>
            </th>
            <td class="before" data-label={before}>
              <Value of={change.before} sign="−" />
            </td>
            <td class="after" data-label={after}>
              <Value of={change.after} sign="+" />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function Value({ of, sign }: { of: unknown; sign: string }): preact.JSX.Element {
  if (of === undefined) return <small>not set</small>
  const isSecret = isObject(of) && of['secret'] === 'set'
  return (
    <span class="value">
      <span aria-hidden="true">{sign} </span>
      {isSecret ? (
        <em>a secret</em>
      ) : (
        <code>{typeof of === 'string' ? of || '""' : JSON.stringify(of, undefined, 1)}</code>
      )}
    </span>
  )
}
