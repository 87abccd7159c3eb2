import { problemOf } from '../data/api.ts'

/** Why something could not be read or done, in the server's own words. */
export function Failure({ error, retry }: { error: unknown; retry?: () => void }): preact.JSX.Element {
  const { message, status, requestId, faults } = problemOf(error)
  return (
    <div class="failure" role="alert">
      <p>
        {message}
        {status >= 500 && requestId !== undefined && <small> (request {requestId})</small>}
      </p>
      {faults.length > 0 && (
        <ul>
          {faults.map(({ pointer, message: what }) => (
            <li key={pointer + what}>
              <code>{pointer || '/'}</code> {what}
            </li>
          ))}
        </ul>
      )}
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}
