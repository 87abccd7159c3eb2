/** Secrets that are known by sight, whatever somebody has made of them. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

interface Canary {
  readonly text: string
  readonly forms: readonly string[]
}

export class Canaries {
  readonly #all: Canary[] = []

  /** One more, which says where it was put. `plain`: of letters and digits alone, for places that admit no others. */
  make(where: string, form: 'plain' | 'any' = 'any'): string {
    const text = form === 'plain' ? `c4nary${this.#all.length}${where}` : `c4nary${this.#all.length}"+/${where}`
    return this.add(text)
  }

  /** A secret that is made elsewhere. */
  add(text: string): string {
    this.#all.push({ text, forms: formsOf(text) })
    return text
  }

  /** Asserts that none is in it; `except` are those that are meant to be there. */
  absentFrom(what: string, text: string | Buffer, except: readonly string[] = []): void {
    const found = this.find(text)
    assert.deepEqual(
      found.filter((one) => !except.includes(one)),
      [],
      `${what} tells a secret`,
    )
  }

  find(text: string | Buffer): string[] {
    const searched = (typeof text === 'string' ? text : text.toString('latin1')).toLowerCase()
    return this.#all.filter(({ forms }) => forms.some((form) => searched.includes(form))).map(({ text: one }) => one)
  }
}

/** As it is, as it stands in JSON, also in JSON in JSON, in addresses, in hexadecimal, and in the middle of base64. */
function formsOf(text: string): string[] {
  const json = JSON.stringify(text).slice(1, -1)
  const coded = [0, 1, 2].flatMap((shift) => {
    const whole = Buffer.from('x'.repeat(shift) + text).toString('base64')
    // Without the groups that its neighbours share.
    const core = whole.slice(shift === 0 ? 0 : 4, -4)
    return [core, core.replaceAll('+', '-').replaceAll('/', '_')]
  })
  const forms = [text, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(text), ...coded]
  return [...new Set([...forms, Buffer.from(text).toString('hex')].map((form) => form.toLowerCase()))]
}

/** The bytes of all files in a folder, by their names; of a zip, what is packed in it as well. */
export function* filesBelow(folder: string): Generator<{ readonly file: string; readonly bytes: Buffer }, void, void> {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const bytes = readFileSync(file)
    yield { file, bytes }
    for (const inflated of inflatedIn(bytes)) yield { file: `${file} inflated`, bytes: inflated }
  }
}

/** What stands behind the local headers of a zip. */
function inflatedIn(bytes: Buffer): Buffer[] {
  const found: Buffer[] = []
  const header = Buffer.from('PK\u0003\u0004')
  if (!bytes.subarray(0, 4).equals(header)) return found
  for (let at = 0; at >= 0; at = bytes.indexOf(header, at + 4)) {
    if (bytes.readUInt16LE(at + 8) !== 8) continue
    const content = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28)
    found.push(inflateRawSync(bytes.subarray(content)))
  }
  return found
}
