import { hash, randomBytes } from 'node:crypto'

/** Each caller has one of so many places, which he may share with others: so no table of them grows. */
export const places = 4096

/** Which place somebody has. Nobody can choose whose he shares. */
export function placing(): (who: string) => number {
  const salt = randomBytes(16).toString('hex')
  return (who) => Number.parseInt(hash('sha256', `${salt} ${who}`).slice(0, 8), 16) % places
}
