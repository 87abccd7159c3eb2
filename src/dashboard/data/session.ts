import { signal } from '@preact/signals'
import { call } from './api.ts'
import { isSignedOut } from './door.ts'

/** Who looks, as histories call him; undefined until the server has said so. */
export const actor = signal<string | undefined>(undefined)

export async function readSession(): Promise<void> {
  actor.value = (await call<{ actor: string }>('/session')).body.actor
}

/** The token goes to the server and is kept nowhere here; what the browser gets is out of the reach of scripts. */
export async function signIn(token: string): Promise<void> {
  await call('/session', { method: 'POST', body: { token } })
  // Everything is read anew, by whoever it is now.
  location.reload()
}

export async function signOut(): Promise<void> {
  await call('/session', { method: 'DELETE' })
  isSignedOut.value = true
}
