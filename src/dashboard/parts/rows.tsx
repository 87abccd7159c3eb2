import type { ComponentChildren } from 'preact'

/** A table whose rows are `tr`; on a narrow screen each is a card, whose cells are named by `data-label`. */
export function Rows(props: {
  /** For whoever hears it. */
  caption: string
  /** An empty one stands above verbs. */
  heads: readonly string[]
  children: ComponentChildren
}): preact.JSX.Element {
  return (
    <table class="rows">
      <caption class="unseen">{props.caption}</caption>
      <thead>
        <tr>
          {props.heads.map((head) => (
            <th key={head} scope="col">
              {head || <span class="unseen">Verbs</span>}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>{props.children}</tbody>
    </table>
  )
}
