import { randomUUID } from 'node:crypto'

export interface Part {
  readonly name: string
  readonly content: string | Uint8Array
  readonly type?: string
  readonly filename?: string
}

export interface Form {
  readonly body: Uint8Array
  readonly headers: { readonly 'content-type': string }
}

/** A multipart/form-data body, to the byte as it is asked for: FormData would give every part a file name. */
export function multipart(...parts: readonly Part[]): Form {
  const boundary = `----${randomUUID()}`
  const chunks = parts.flatMap(({ name, content, type, filename }) => [
    Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${filename === undefined ? '' : `; filename="${filename}"`}\r\n` +
        `${type === undefined ? '' : `content-type: ${type}\r\n`}\r\n`,
    ),
    Buffer.from(content),
    Buffer.from('\r\n'),
  ])
  return {
    body: Buffer.concat([...chunks, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  }
}
