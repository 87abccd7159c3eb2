import { hash, randomBytes, timingSafeEqual } from 'node:crypto'

/*
 * A token is `trb_<id>_<secret>`: the prefix tells scanners for leaked secrets what it is, the id where its record is, so that
 * finding it is one read, and the secret is 256 random bits in base64url.
 */
const form = /^trb_([0-9A-HJKMNP-TV-Z]{26})_([A-Za-z0-9_-]{43})$/

export function makeSecret(id: string): string {
  return `trb_${id}_${randomBytes(32).toString('base64url')}`
}

/** The id that a token names; undefined for what is none. */
export function idIn(token: string): string | undefined {
  return form.exec(token)?.[1]
}

/**
 * What is kept of a token. A fast hash is enough: nobody can try 2^256 secrets, however fast each try is; slow hashes are for
 * what people can remember.
 */
export function digestOf(token: string): string {
  return hash('sha256', token)
}

/** Whether the token is the one of that digest; takes as long for any two. */
export function isDigestOf(digest: string, token: string): boolean {
  return timingSafeEqual(Buffer.from(digest, 'hex'), Buffer.from(digestOf(token), 'hex'))
}
