import { computed, signal } from '@preact/signals'

/** Where the page is: behind the `#`, so that the server serves one address, and links to a place can be sent around. */
export interface Place {
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

const hash = signal(location.hash)

export const place = computed<Place>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?')
  return { segments: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
})

addEventListener('hashchange', () => {
  hash.value = location.hash
})

export function linkTo(segments: readonly string[], query: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]))
  const search = new URLSearchParams(given).toString()
  return `#/${segments.map(encodeURIComponent).join('/')}${search && `?${search}`}`
}

export function go(link: string): void {
  location.hash = link
}

/** The same place with other words in its query; the way back skips it, as one typed letter is no place. */
export function requery(changes: Readonly<Record<string, string | undefined>>): void {
  const { segments, query } = place.value
  const link = linkTo(segments, { ...Object.fromEntries(query), ...changes })
  history.replaceState(null, '', link)
  hash.value = link
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
