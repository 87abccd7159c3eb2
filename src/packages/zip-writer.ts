import { createHash, hash } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { ZipFile, type Options, type ReadStreamOptions } from 'yazl'
import { Judgement, level, pays, paysBySample, segmentBytes } from './compression.ts'
import type { Output } from './output.ts'
import type { Spool } from './spool.ts'
import { ZipDirectory } from './zip-records.ts'

const bufferBytes = 1024 * 1024
/** What waits to be written: enough to keep the threads busy that deflate, and not more. */
const maxWaiting = 32
const maxWaitingBytes = 1024 * 1024

/** What was written: what the manifest must say of it. */
export interface Written {
  readonly digest: string
  readonly size: number
}

/** Feeds yazl, which writes the entries in the order of the calls, no faster than it takes them. */
export class ZipWriter {
  readonly #output: Output
  readonly #zip = new ZipFile()
  readonly #directory: ZipDirectory
  readonly #ended: Promise<void>
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes)
  #used = 0
  #flushed = 0
  /** Of the entries that have not been written. */
  readonly #sizes: number[] = []
  #waitingBytes = 0
  #wake: (() => void) | undefined
  #closed = false
  #failure: { readonly error: unknown } | undefined

  /**
   * `spool` takes the central directory until it is due. The entry called `secondName` comes second there, wherever in the file
   * it is.
   */
  constructor(output: Output, spool: Spool, secondName?: string) {
    this.#output = output
    this.#directory = new ZipDirectory(this.#zip, spool, secondName)
    // What follows a failure is taken and dropped, so that nothing waits for ever.
    this.#zip.outputStream.on('data', (chunk: Buffer) => this.#guard(() => this.#append(chunk)))
    this.#zip.on('error', (error) =>
      this.#guard(() => {
        throw error
      }),
    )
    this.#ended = new Promise((resolve) => this.#zip.outputStream.on('end', resolve))
  }

  /** Whether to `await room()` before anything more is added. */
  get full(): boolean {
    this.#release()
    return this.#sizes.length >= maxWaiting || this.#waitingBytes >= maxWaitingBytes
  }

  /** Throws what the disk answered. */
  async room(): Promise<void> {
    await this.#until(() => !this.full)
  }

  /** Answers when all that was added has been written. */
  async settled(): Promise<void> {
    await this.#until(() => this.#idle)
  }

  /** A folder; its name ends with a slash. */
  addFolder(name: string): void {
    this.#zip.addEmptyDirectory(name, { mtime: time(), mode: 0o040755, forceDosTimestamp: true })
    this.#sizes.push(0)
  }

  /** Content of at most one segment, unchanged until it is `settled`. */
  addFile(name: string, content: Uint8Array): Written {
    const bytes = Buffer.from(content.buffer, content.byteOffset, content.length)
    this.#zip.addBuffer(bytes, name, fileOptions(pays(content)))
    this.#sizes.push(content.length)
    this.#waitingBytes += content.length
    return { digest: hash('sha256', content), size: content.length }
  }

  /** Content in segments. What seems to pack well is kept in the spool first, until all of it has been judged. */
  startFile(name: string, first: Uint8Array, spool: () => Spool): LargeFile {
    return paysBySample(first)
      ? new JudgedFile(spool(), (from, size, packs) => this.#addSpool(name, from, size, packs))
      : this.#stream(name)
  }

  /** Ends the zip and answers its size in bytes, once all of it is on the disk. */
  async end(): Promise<number> {
    await this.settled()
    this.#directory.giveBack()
    this.#zip.end()
    await this.#ended
    this.#guard(() => this.#flush())
    this.#check()
    this.#output.sync()
    return this.#flushed
  }

  /** Nothing more is written. */
  close(): void {
    this.#closed = true
  }

  #stream(name: string): LargeFile {
    const stream = new PassThrough()
    let end = 0
    return new StreamedFile({
      begin: async () => {
        await this.settled()
        end = this.#position + 30 + Buffer.byteLength(name)
        this.#addStream(name, () => stream, fileOptions(false))
      },
      // Streams pass the buffer itself on, so it is done with when as many bytes are in the output.
      put: async (segment) => {
        end += segment.length
        stream.write(segment)
        await this.#until(() => this.#position >= end)
      },
      finish: async () => {
        stream.end()
        await this.settled()
      },
    })
  }

  async #addSpool(name: string, spool: Spool, size: number, packs: boolean): Promise<void> {
    const chunks = function* (): Generator<Uint8Array> {
      // The spool uses its chunk again, and streams look ahead.
      for (const chunk of spool.chunks(segmentBytes / 4)) yield Buffer.from(chunk)
    }
    this.#addStream(name, () => Readable.from(chunks(), { objectMode: false }), { ...fileOptions(packs), size })
    await this.settled()
  }

  #addStream(name: string, open: () => Readable, options: Partial<ReadStreamOptions>): void {
    this.#zip.addReadStreamLazy(name, options, (answer) => answer(null, open()))
    this.#sizes.push(0)
  }

  get #idle(): boolean {
    this.#release()
    return this.#sizes.length === 0
  }

  #release(): void {
    const done = this.#directory.take()
    for (const size of this.#sizes.splice(0, done)) this.#waitingBytes -= size
  }

  /** All that yazl does ends in output, so that is when to look again. */
  async #until(holds: () => boolean): Promise<void> {
    this.#check()
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#check()
    }
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #guard(work: () => void): void {
    try {
      if (!this.#closed && this.#failure === undefined) work()
    } catch (error) {
      this.#failure ??= { error }
    }
    this.#wake?.()
  }

  get #position(): number {
    return this.#flushed + this.#used
  }

  #append(bytes: Uint8Array): void {
    if (this.#used + bytes.length > bufferBytes) this.#flush()
    if (bytes.length > bufferBytes) {
      this.#output.write(bytes, this.#flushed)
      this.#flushed += bytes.length
    } else {
      this.#buffer.set(bytes, this.#used)
      this.#used += bytes.length
    }
  }

  #flush(): void {
    if (this.#used > 0) this.#output.write(this.#buffer.subarray(0, this.#used), this.#flushed)
    this.#flushed += this.#used
    this.#used = 0
  }
}

/** Content that comes in several segments, each awaited. */
export abstract class LargeFile {
  readonly #hash = createHash('sha256')
  size = 0

  async add(segment: Uint8Array): Promise<void> {
    this.#hash.update(segment)
    this.size += segment.length
    await this.put(segment)
  }

  async end(): Promise<Written> {
    await this.finish()
    return { digest: this.#hash.digest('hex'), size: this.size }
  }

  protected abstract put(segment: Uint8Array): Promise<void>
  protected abstract finish(): Promise<void>
}

interface Sink {
  begin(): Promise<void>
  put(segment: Uint8Array): Promise<void>
  finish(): Promise<void>
}

/** Stored as it comes. */
class StreamedFile extends LargeFile {
  readonly #sink: Sink
  #begun = false

  constructor(sink: Sink) {
    super()
    this.#sink = sink
  }

  protected async put(segment: Uint8Array): Promise<void> {
    if (!this.#begun) await this.#sink.begin()
    this.#begun = true
    await this.#sink.put(segment)
  }

  protected async finish(): Promise<void> {
    await this.#sink.finish()
  }
}

class JudgedFile extends LargeFile {
  readonly #spool: Spool
  readonly #judgement = new Judgement()
  readonly #write: (spool: Spool, size: number, packs: boolean) => Promise<void>

  constructor(spool: Spool, write: (spool: Spool, size: number, packs: boolean) => Promise<void>) {
    super()
    this.#spool = spool
    this.#write = write
  }

  protected async put(segment: Uint8Array): Promise<void> {
    this.#judgement.add(segment)
    this.#spool.add(segment)
  }

  protected async finish(): Promise<void> {
    try {
      await this.#write(this.#spool, this.size, this.#judgement.pays)
    } finally {
      this.#spool.close()
    }
  }
}

function fileOptions(packs: boolean): Partial<Options> {
  return { mtime: time(), mode: 0o100644, forceDosTimestamp: true, compressionLevel: packs ? level : 0 }
}

/** 1980-01-01 00:00:00, the first that a zip has, without a zone: yazl writes what a clock here would have shown. */
function time(): Date {
  return new Date(1980, 0, 1)
}
