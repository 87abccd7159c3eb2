import { hash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { logKey, sequenceKey, type Batch, type Check } from './store.ts'

/** A batch with its values as JSON text: checked, and taken as they were when it was handed in. */
export interface TextBatch {
  readonly checks: readonly Check[]
  readonly writes: readonly TextWrite[]
}

type TextWrite =
  | { readonly put: string; readonly text: string }
  | { readonly delete: string }
  | { readonly add: string; readonly amount: number }
  | { readonly append: string; readonly text: string; readonly index?: string }

/** What a batch comes to, given what is there: the new text of each key that changes, undefined where it goes. */
export type Plan =
  | {
      readonly ok: true
      readonly appended: readonly string[]
      readonly changes: ReadonlyMap<string, string | undefined>
    }
  | { readonly ok: false; readonly failed: string }

/** Differs whenever the text does, and tells nobody what the text is. */
export function versionOf(text: string): string {
  return hash('sha256', text, 'base64url')
}

/** Throws `invalid` for a key that no engine takes: empty, longer than 600 characters, or not ASCII. */
function checkKey(key: string): void {
  if (key.length === 0 || key.length > 600 || !isAscii(key))
    throw new ReplicationError('invalid', `a key must be 1 to 600 ASCII characters, not ${JSON.stringify(key)}`)
}

/** Throws `invalid` for keys, values and amounts that no engine takes. */
export function toText({ checks = [], writes }: Batch): TextBatch {
  for (const { key } of checks) checkKey(key)
  return {
    checks,
    writes: writes.map((write): TextWrite => {
      if ('put' in write) {
        checkKey(write.put)
        return { put: write.put, text: json(write.put, write.value) }
      }
      if ('append' in write) {
        checkKey(logKey(write.append, 0))
        if (write.index !== undefined) checkKey(write.index)
        const { append, value, ...rest } = write
        return { ...rest, append, text: json(append, value) }
      }
      checkKey('add' in write ? write.add : write.delete)
      return write
    }),
  }
}

/**
 * Works out what a batch does, without doing it: checks against what is there before, writes one after the other. Throws
 * `invalid` when it counts with an entry that is no counter. What it means, redis/scripts.ts means in Lua.
 */
export function plan({ checks, writes }: TextBatch, read: (key: string) => string | undefined): Plan {
  for (const check of checks) if (!holds(check, read(check.key))) return { ok: false, failed: check.key }

  const changes = new Map<string, string | undefined>()
  const now = (key: string): string | undefined => (changes.has(key) ? changes.get(key) : read(key))
  const appended: string[] = []
  for (const write of writes) {
    if ('put' in write) changes.set(write.put, write.text)
    else if ('delete' in write) changes.set(write.delete, undefined)
    else if ('add' in write) {
      const sum = counted(write.add, now(write.add)) + write.amount
      if (!Number.isSafeInteger(sum))
        throw new ReplicationError('invalid', `the counter ${write.add} cannot count ${write.amount}: no safe integer`)
      changes.set(write.add, sum === 0 ? undefined : String(sum))
    } else {
      const last = sequenceKey(write.append)
      const sequence = counted(last, now(last)) + 1
      if (sequence < 1 || !Number.isSafeInteger(sequence))
        throw new ReplicationError('invalid', `the entry at ${last} is no sequence`)
      const key = logKey(write.append, sequence)
      changes.set(last, String(sequence))
      changes.set(key, write.text)
      if (write.index !== undefined) changes.set(write.index, JSON.stringify(key))
      appended.push(key)
    }
  }
  return { ok: true, appended, changes }
}

function holds(check: Check, text: string | undefined): boolean {
  if ('atMost' in check) return counted(check.key, text) <= check.atMost
  return (text === undefined ? null : versionOf(text)) === check.version
}

function counted(key: string, text: string | undefined): number {
  const count = Number(text ?? 0)
  if (!Number.isSafeInteger(count)) throw new ReplicationError('invalid', `the entry at ${key} is no counter`)
  return count
}

function json(key: string, value: unknown): string {
  const text = JSON.stringify(value) as string | undefined
  if (text === undefined) throw new ReplicationError('invalid', `the value for ${key} has no JSON`)
  return text
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false
  return true
}
