/** A page gets what stands behind its name in the address. */
export interface PageProps {
  readonly rest: readonly string[]
  readonly query: URLSearchParams
}
