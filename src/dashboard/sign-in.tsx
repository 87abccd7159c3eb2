import { useState } from 'preact/hooks'
import { signIn } from './data/session.ts'
import { Failure } from './parts/failure.tsx'

/** In place of every page, while nobody is signed in. */
export function SignIn(): preact.JSX.Element {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    setBusy(true)
    try {
      await signIn(token.trim())
    } catch (error) {
      setProblem(error)
      setBusy(false)
    }
  }
  return (
    <section class="sign-in sheet">
      <h1>Sign in</h1>
      <p>This server asks who calls. Whoever runs it can make you a token.</p>
      <form onSubmit={(event) => void submit(event)}>
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
        {problem !== undefined && <Failure error={problem} />}
        <p class="verbs">
          <button type="submit" class="primary" disabled={isBusy}>
            Sign in
          </button>
        </p>
      </form>
    </section>
  )
}
