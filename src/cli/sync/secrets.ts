import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { usage } from '../ending.ts'
import type { HttpOptions } from './http-options.ts'

/** As the kind `rest` has it. */
type Auth = { readonly basic: { readonly username: string; readonly password: string } } | { readonly bearer: string }

/** Who we are to the servers that are named on the command line. */
export interface Secrets {
  authFor(origin: string): Auth | undefined
}

/**
 * Takes passwords and tokens from the environment, or asks for the password, once, where a server is named at all. None is
 * ever an argument, for others see those. Throws usage errors.
 */
export async function secretsFor(http: HttpOptions, servers: number, signal: AbortSignal): Promise<Secrets> {
  const { username, passwordEnv, tokenEnvs } = http
  if (servers === 0) return { authFor: () => undefined }
  if (username !== undefined) {
    const password = passwordEnv === undefined ? await askPassword(signal) : valueOf(passwordEnv)
    return { authFor: () => ({ basic: { username, password } }) }
  }
  const tokens = new Map([...tokenEnvs].map(([origin, name]) => [origin, valueOf(name)]))
  return {
    authFor: (origin) => {
      const bearer = tokens.get(origin) ?? tokens.get('')
      return bearer === undefined ? undefined : { bearer }
    },
  }
}

function valueOf(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw usage(`the environment variable ${name} is not set`)
  return value
}

/** On the terminal itself, so that standard input and output can be pipes; what is typed is not shown. */
async function askPassword(signal: AbortSignal): Promise<string> {
  let input: ReadStream
  try {
    input = new ReadStream(openSync('/dev/tty', 'r'))
  } catch {
    throw usage('there is no terminal to ask for the password: give --password-env NAME')
  }
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: true })
  // Now that what is typed is not shown.
  process.stderr.write('Password: ')
  // The terminal gives us the key, and no signal.
  lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
  const closed = once(lines, 'close').then(() => {
    throw usage('no password was given')
  })
  try {
    return await Promise.race([lines.question('', { signal }), closed])
  } finally {
    lines.close()
    input.destroy()
    process.stderr.write('\n')
  }
}
