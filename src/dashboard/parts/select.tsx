/** One of several words; the first of them, `any`, is none. */
export function Select(props: {
  label: string
  value: string
  options: readonly string[]
  any?: string
  onPick: (value: string) => void
}): preact.JSX.Element {
  return (
    <label>
      {props.label}
      <select value={props.value} onChange={(event) => props.onPick(event.currentTarget.value)}>
        {props.any !== undefined && <option value="">{props.any}</option>}
        {props.options.map((one) => (
          <option key={one} value={one}>
            {one}
          </option>
        ))}
      </select>
    </label>
  )
}
