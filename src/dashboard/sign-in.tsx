import { useState } from 'preact/hooks'
import { signIn } from './data/session.ts'
import { Failure } from './parts/failure.tsx'
import { useTrying } from './parts/trying.ts'

/** In place of every page, while nobody is signed in. */
export function SignIn(): preact.JSX.Element {
  const [token, setToken] = useState('')
  const { problem, isBusy, attempt } = useTrying()
  const submit = (event: Event): void => {
    event.preventDefault()
    void attempt(() => signIn(token.trim()))
  }
  return (
    <section class="sign-in sheet">
      <h1>Sign in</h1>
      <p>This server asks who calls. Whoever runs it can make you a token.</p>
      <form onSubmit={submit}>
        <label>
          Token
          <input
            type="password"
            autocomplete="current-password"
            required
            value={token}
            onInput={(event) => setToken(event.currentTarget.value)}
          />
        </label>
        {problem && <Failure error={problem} />}
        <p class="verbs">
          <button type="submit" class="primary" disabled={isBusy}>
            Sign in
          </button>
        </p>
      </form>
    </section>
  )
}
