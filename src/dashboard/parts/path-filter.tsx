import { requery } from '../router.ts'

/** Of lists that can be asked for what is at or below a path. */
export function PathFilter({ value }: { value: string }): preact.JSX.Element {
  return (
    <label>
      At or below the path
      <input value={value} placeholder="/content" onInput={(event) => requery({ path: event.currentTarget.value })} />
    </label>
  )
}

/** For the query of the API; what is no path yet, while somebody types, is left out. */
export function pathQuery(value: string): { readonly path?: string } {
  return value.startsWith('/') ? { path: value } : {}
}
