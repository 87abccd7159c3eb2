import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { usage } from '../ending.ts'
import type { Client } from './options.ts'

/** Writes what the server answers to a file, which gets its name when it is whole, or for `-` to standard output. */
export async function outputTo({ server, signal }: Client, path: string, file: string): Promise<void> {
  if (file === '-' && process.stdout.isTTY)
    throw usage('standard output is a terminal, and this is no text: name a file')
  const { body } = await server.open('GET', path, { headers: { accept: 'application/zip' } })
  if (file === '-') return pipeline(body, process.stdout, { signal, end: false })
  const partial = `${file}.partial`
  try {
    await pipeline(body, createWriteStream(partial, { flush: true }), { signal })
    await rename(partial, file)
  } finally {
    await rm(partial, { force: true })
  }
}
