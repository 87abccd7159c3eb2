import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'

/** Where a package is written: synchronously, in a thread of its own. Short writes are not possible. */
export interface Output {
  write(bytes: Uint8Array, position: number): void
  /** Answers once all of it is on the disk. */
  sync(): void
  close(): void
}

/** A new file; one that is there already is an error. */
export function fileOutput(file: string): Output {
  const fd = openSync(file, 'wx', 0o600)
  return {
    write(bytes, position) {
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, bytes.length - at, position + at)
    },
    sync: () => fsyncSync(fd),
    close: () => closeSync(fd),
  }
}
