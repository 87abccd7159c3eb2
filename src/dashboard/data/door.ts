import { signal } from '@preact/signals'

/** The server wants to know who asks, and nobody has signed in, or it was too long ago. */
export const isSignedOut = signal(false)

/** No page from elsewhere can send it: by it the server knows that the page itself asks. */
export const fromPage = { 'X-Trebuchet-Page': '1' } as const

/** Looks at each answer. */
export function look({ status }: Response): void {
  if (status === 401) isSignedOut.value = true
}
